"""The workspaces that a person may see, with what every part of home reads of them: one query, whatever their number."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.db.models import Count, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from budget.models import DaySpend, Limit
from budget.reads import gateway_requests
from orchestration.backlog.rules import status_groups
from orchestration.facts.reasons import Reason
from orchestration.landing import queue
from orchestration.landing import reads as landing_reads
from orchestration.models import Entry, Session, Worker
from workspaces import access, times
from workspaces.access import GRANTS, Caller, Need
from workspaces.models import Membership, Role, Workspace

MAX_WORKSPACES = 200


@dataclass(frozen=True)
class Scope:
    """`whole_queue`: the person wants to see more than its first rows."""

    caller: Caller
    at: datetime
    whole_queue: bool = False

    @cached_property
    def _rows(self) -> list[Workspace]:
        related = ("project__forecast", "executor", "integration", "agent_check")
        mine = access.workspaces_for(self.caller).select_related(*related).annotate(**_figures(self.at))
        mine = mine.annotate(landing_away=Subquery(queue.away(OuterRef("pk")).values("message")[:1]))
        return list(mine[: MAX_WORKSPACES + 1])

    @property
    def workspaces(self) -> list[Workspace]:
        """Newest first. Each has `today` and `day_limit` (micro-USD of the UTC day; None: no limit), `at_work`, `landing`, `split`, `unfunded`,
        `requests_wait`, `ticked_at` of the newest tick, and `landed_today` since the reader's midnight."""
        return self._rows[:MAX_WORKSPACES]

    @property
    def has_more(self) -> bool:
        return len(self._rows) > MAX_WORKSPACES

    @cached_property
    def by_id(self) -> dict[str, Workspace]:
        return {workspace.pk: workspace for workspace in self.workspaces}

    @cached_property
    def _roles(self) -> dict[str, Role]:
        mine = Membership.objects.filter(user=self.caller.user, workspace__in=self.by_id)
        return {workspace_id: Role(role) for workspace_id, role in mine.values_list("workspace_id", "role")}

    def where_one_may(self, need: Need) -> list[str]:
        """The ids of the workspaces in which the person has this right."""
        if self.caller.everywhere:
            return list(self.by_id)
        return [workspace_id for workspace_id, role in self._roles.items() if need in GRANTS[role]]


def of(caller: Caller, *, whole_queue: bool = False) -> Scope:
    return Scope(caller, timezone.now(), whole_queue)


def _figures(at: datetime) -> dict[str, Any]:
    today = DaySpend.objects.filter(project_id=OuterRef("pk"), day=at.astimezone(UTC).date()).order_by().values("project_id")
    limit = Limit.objects.filter(project_id=OuterRef("pk"), category=Limit.Scope.TOTAL, period=Limit.Period.DAY)
    at_work = Session.objects.filter(workspace=OuterRef("pk"), status__in=Session.OPEN).order_by().values("workspace")
    blocked = Entry.objects.filter(workspace=OuterRef("pk"), deleted_at__isnull=True, status=Entry.Status.BLOCKED)
    unfunded = blocked.filter(reason_code=Reason.PROJECT_BUDGET_EXCEEDED).order_by().values("workspace")
    midnight = times.midnight(timezone.localdate(at), timezone.get_current_timezone())
    alive = Entry.objects.filter(workspace=OuterRef("pk"), deleted_at__isnull=True).order_by().values("workspace")
    landed_today = landing_reads.landed_since(midnight, OuterRef("pk")).order_by().values("workspace")
    ticks = Worker.objects.filter(queue="control", ticked_at__isnull=False).order_by("-ticked_at").values("ticked_at")[:1]
    return {
        "ticked_at": Subquery(ticks),
        "requests_wait": gateway_requests.waits(OuterRef("pk")),
        "landed_today": Coalesce(Subquery(landed_today.annotate(n=Count("entry", distinct=True)).values("n")), 0),
        "today": Coalesce(Subquery(today.annotate(n=Sum("amount")).values("n")), 0),
        "day_limit": Subquery(limit.values("amount")[:1]),
        "at_work": Coalesce(Subquery(at_work.annotate(n=Count("pk")).values("n")), 0),
        "landing": Coalesce(Subquery(alive.filter(status_groups.LANDING).annotate(n=Count("pk")).values("n")), 0),
        "split": Coalesce(Subquery(alive.filter(status_groups.SPLIT).annotate(n=Count("pk")).values("n")), 0),
        "unfunded": Coalesce(Subquery(unfunded.annotate(n=Count("pk")).values("n")), 0),
    }
