"""A request for a page of a workspace, and its rendering as a whole page or as one region."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from budget.models import Project
from dashboard.shared import region_versions
from dashboard.shared.counts import COUNTED_TO
from orchestration import configuration
from orchestration.backlog.files import orphans
from orchestration.backlog.rules import status_groups
from orchestration.configuration import agent_states
from orchestration.configuration.agent_states import AgentStates
from orchestration.executor import explain
from orchestration.hosts import online
from orchestration.landing import queue
from orchestration.models import AgentCheck, Credential, Executor, FileLock, ProviderBreaker, Session, Worker
from workspaces.access import GRANTS, Caller, Need
from workspaces.models import Role, Workspace

OF_PARTS = ("fragment", "live", "build", "log_after", "log_level", "log_count")
"""Parameters of requests for a part, not of the page."""


@dataclass(frozen=True)
class PageRequest:
    """A request for a page of a workspace by a member of it."""

    request: HttpRequest
    caller: Caller
    workspace: Workspace
    role: Role

    def may(self, need: Need) -> bool:
        return need in GRANTS[self.role]

    def asks_for(self, region: str) -> bool:
        """True if the request is for this part of the page, alone or with others."""
        return self.request.GET.get("fragment") == region or region in self.live

    @cached_property
    def live(self) -> dict[str, str]:
        """The regions that an open page asks for, with the version that it shows of each."""
        return region_versions.parse(self.request.GET.get("live", ""))

    @cached_property
    def executor(self) -> Executor:
        """Cached for all regions of a page, with the project and the number of open sessions."""
        open_sessions = Session.objects.filter(workspace=OuterRef("pk"), status__in=Session.OPEN).order_by().values("workspace")
        at_work = Coalesce(Subquery(open_sessions.annotate(n=Count("pk")).values("n")), 0)
        newest = Worker.objects.filter(queue="control", ticked_at__isnull=False).order_by("-ticked_at").values("ticked_at")[:1]
        related = ("workspace__project__forecast", "workspace__integration", "workspace__agent_check")
        rows = Executor.objects.select_related(*related).annotate(at_work=at_work, ticked_at=Subquery(newest))
        counted: dict[str, Any] = {name: RawSQL(sql, [*parameters]) for name, (sql, parameters) in self._counts().items()}
        left = orphans.filter_orphans(FileLock.objects.filter(workspace=OuterRef("pk"))).order_by().values("workspace")
        counted["orphans"] = Coalesce(Subquery(left.annotate(n=Count("pk")).values("n")), 0)
        counted["has_session_worker"] = Exists(online.able(within_s=settings.LEASE_S))
        closed = ProviderBreaker.objects.filter(workspace=OuterRef("pk")).exclude(code="")
        counted["has_doubt"] = Exists(Session.objects.filter(workspace=OuterRef("pk"), doubt=Session.Doubt.OPEN))
        counted["has_breaker"] = Exists(closed) | Exists(Credential.objects.filter(workspace=OuterRef("pk")).exclude(windows={}))
        counted["landing_away"] = Subquery(queue.away(OuterRef("pk")).values("message")[:1])
        return rows.annotate(**counted).get(pk=self.workspace.pk)

    @cached_property
    def agents(self) -> AgentStates:
        """The agents of the workspace, with what keeps them from work. No query while all can."""
        if self.executor.has_breaker:  # type: ignore[attr-defined]
            return agent_states.of_executor(self.executor)
        return agent_states.of(configuration.load(self.executor.config), (), ())

    @cached_property
    def open_agents(self) -> frozenset[str] | None:
        """The names of agents with which sessions may start; None, without a query: nothing is known against any."""
        in_question = self.executor.has_breaker or self.executor.has_doubt  # type: ignore[attr-defined]
        return explain.open_agents(self.workspace.pk) if in_question else None

    @property
    def shut(self) -> Q | None:
        """The entries that wait for their agent. None: none does."""
        return status_groups.waits_for_agent(self.open_agents)

    @property
    def agent_problem(self) -> str:
        """The reason why no agent starts, as its check found it; empty: it can, or was not checked, or one is at work."""
        check: AgentCheck | None = getattr(self.executor.workspace, "agent_check", None)
        return check.message if check is not None and check.ok is False and not self.at_work else ""

    def _counts(self) -> dict[str, tuple[str, list[Any]]]:
        """Counts for the navigation and the banner, as subqueries of the row that every page reads. Counting stops at COUNTED_TO."""
        workspace_id, limit = self.workspace.pk, COUNTED_TO + 1
        return {
            "open_entries": (
                """(SELECT count(*) FROM (SELECT 1 FROM orchestration_entry WHERE workspace_id = %s AND deleted_at IS NULL
                AND status IN ('pending', 'in_progress', 'blocked', 'failed') LIMIT %s) e)""",
                [workspace_id, limit],
            ),
            "locked_paths": (
                "(SELECT count(*) FROM (SELECT 1 FROM orchestration_filelock WHERE workspace_id = %s LIMIT %s) l)",
                [workspace_id, limit],
            ),
            "queued_landings": (
                "(SELECT count(*) FROM orchestration_landing WHERE workspace_id = %s AND state IN ('queued', 'checking'))",
                [workspace_id],
            ),
            "open_runs": (
                """(SELECT count(*) FROM orchestration_session WHERE workspace_id = %s AND status IN ('claimed', 'running')
                AND role <> 'implement')""",
                [workspace_id],
            ),
            "reviews_waiting": (
                """(SELECT count(*) FROM budget_review r WHERE r.project_id = %s AND r.state = 'open' AND r.author <> %s AND NOT EXISTS
                (SELECT 1 FROM budget_decision d WHERE d.review_id = r.id AND d.version = r.version AND d.reviewer = %s))""",
                [workspace_id, self.caller.name, self.caller.name],
            ),
        }

    def counted(self, name: str) -> int:
        """`open_entries`, `locked_paths` (at most COUNTED_TO + 1), `open_runs`, `orphans`, `reviews_waiting` (for this caller's decision) or `has_session_worker`."""
        return int(getattr(self.executor, name))

    @cached_property
    def memo(self) -> dict[str, Any]:
        """A cache shared by the regions of one page."""
        return {}

    @property
    def at_work(self) -> int:
        """Open sessions."""
        return int(self.executor.at_work)  # type: ignore[attr-defined]

    @property
    def ticked_at(self) -> datetime | None:
        """The time of the executor's last tick; None: never."""
        return cast("datetime | None", self.executor.ticked_at)  # type: ignore[attr-defined]

    @property
    def project(self) -> Project:
        return self.executor.workspace.project


Build = Callable[[PageRequest], dict[str, Any]]


@dataclass(frozen=True)
class Region:
    """A part of a page that refreshes itself: the template (with the partial's name) and the function that builds its context."""

    template: str
    build: Build


def render_page(page_request: PageRequest, template: str, regions: Mapping[str, Region], **context: Any) -> HttpResponse:
    """The whole page; or the region named by `?fragment=`; or those named by `?live=` that differ from what the page shows."""
    name = page_request.request.GET.get("fragment", "")
    shared = common_context(page_request) | context
    if name in regions:
        return HttpResponse(_render_region(page_request, regions[name], shared))
    if page_request.live:
        names = [name for name in page_request.live if name in regions]
        build = page_request.request.GET.get("build", "")
        return region_versions.answer(
            page_request.live, names, lambda name: _render_region(page_request, regions[name], shared), build=build
        )
    for region in regions.values():
        shared |= region.build(page_request)
    return render(page_request.request, template, shared)


def _render_region(page_request: PageRequest, region: Region, shared: dict[str, Any]) -> str:
    return render_to_string(region.template, shared | region.build(page_request), request=page_request.request)


def common_context(page_request: PageRequest) -> dict[str, Any]:
    """The template context of every page of a workspace."""
    query = page_request.request.GET.copy()
    for name in OF_PARTS:
        query.pop(name, None)
    return {
        "page_request": page_request,
        "workspace": page_request.workspace,
        "may_operate": page_request.may(Need.OPERATE),
        "may_budget": page_request.may(Need.BUDGET),
        "may_admin": page_request.may(Need.ADMIN),
        "page_url": f"{page_request.request.path}?{query.urlencode()}" if query else page_request.request.path,
    }
