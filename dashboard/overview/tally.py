"""The numbers of the overview, read in one statement that uses indexes only."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Aggregate, Count, Exists, Max, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from budget.models import LedgerEntry
from budget.reads import gateway_requests
from dashboard.shared import fragments
from dashboard.shared.counts import COUNTED_TO, Counted
from dashboard.shared.page_request import PageRequest
from orchestration.backlog.rules import status_groups
from orchestration.facts.reasons import Reason
from orchestration.hosts import online
from orchestration.models import Entry, Executor, IntegrationCommit, Question, Session
from workspaces.models import Workspace

DAY = timedelta(days=1)
BAD = (Session.Outcome.FAILED, Session.Outcome.CRASHED, Session.Outcome.LOST, Session.Outcome.TIMED_OUT)


def of(page_request: PageRequest) -> dict[str, Any]:
    """The counts and sums of the overview, by name; money in micro-USD. Cached for the regions of a page. One query, one more each while an entry is in progress without an agent
    and while an agent waits for an answer, and three while some agents cannot start."""
    if "tally" not in page_request.memo:
        row = _read(page_request.workspace, timezone.localtime())
        if row["asked"]:
            _move_asked(page_request.workspace, row)
        if (shut := page_request.shut) is not None:
            ready = _alive(page_request.workspace).filter(status_groups.of_kind("ready", shut))
            row["ready"] = ready[: COUNTED_TO + 1].count()
        at_work = {session.entry_id for session in fragments.open_sessions(page_request)} if row["running"] else set()
        all_at_work = row["running"] == len(at_work)
        row |= {"landing": 0, "split": 0} if all_at_work else _without_agent(page_request.workspace)
        row["waiting"] -= row["review"] if row["waiting"] <= COUNTED_TO else 0
        page_request.memo["tally"] = row
    tally: dict[str, Any] = page_request.memo["tally"]
    return tally


def done_at(page_request: PageRequest) -> datetime | None:
    """Since when all entries are done. None: some are not, or an earlier release ended one. No query while some are not."""
    counts = of(page_request)
    if not counts["total"] or counts["done"] < counts["total"]:
        return None
    ended = _alive(page_request.workspace).aggregate(last=Max("done_at"), known=Count("done_at"), all=Count("pk"))
    return ended["last"] if ended["known"] == ended["all"] else None


def _read(workspace: Workspace, at: datetime) -> dict[str, Any]:
    subqueries: dict[str, Any] = {name: Counted(rows) for name, rows in _shown(workspace).items()}
    subqueries |= {name: _as_subquery(rows, Count("*")) for name, rows in _counted_to_the_end(workspace).items()}
    subqueries |= {name: _as_subquery(rows, Sum("amount")) for name, rows in _spent(workspace, at).items()}
    failures = Session.objects.filter(workspace=workspace, outcome__in=BAD).order_by("-ended_at")
    waiting = gateway_requests.waiting(workspace.pk)
    row: dict[str, Any] = dict(
        Executor.objects.filter(pk=workspace.pk)
        .values(
            some=Exists(_alive(workspace)),
            last_failure=Subquery(failures.values("ended_at")[:1]),
            landed=Exists(IntegrationCommit.objects.filter(workspace=workspace)),
            unreachable=Exists(online.with_problems()),
            request_waits_since=Subquery(waiting.values("created_at")[:1]),
            request_waits_in=Subquery(waiting.values("session_ref")[:1]),
            requests_wait=gateway_requests.waits(workspace.pk),
            **subqueries,
        )
        .get()
    )
    return row


def _alive(workspace: Workspace) -> QuerySet[Entry]:
    return Entry.objects.filter(workspace=workspace, deleted_at__isnull=True)


def _shown(workspace: Workspace) -> dict[str, QuerySet[Any]]:
    """Rows whose number is only shown: counting stops at COUNTED_TO."""
    alive = _alive(workspace)
    return {
        "total": alive,
        "done": alive.filter(status=Entry.Status.DONE),
        "running": alive.filter(status=Entry.Status.IN_PROGRESS),
        "ready": alive.filter(status_groups.STORED_KINDS["ready"]),
        "waiting": alive.filter(status=Entry.Status.PENDING),
        "blocked": alive.filter(status=Entry.Status.BLOCKED),
    }


def _counted_to_the_end(workspace: Workspace) -> dict[str, QuerySet[Any]]:
    """The rows from whose number others are calculated."""
    alive = _alive(workspace)
    return {
        "failed": alive.filter(status=Entry.Status.FAILED),
        "stuck": alive.filter(status_groups.STUCK),
        "review": alive.filter(status_groups.STORED_KINDS["review"]),
        "unfunded": alive.filter(status=Entry.Status.BLOCKED, reason_code=Reason.PROJECT_BUDGET_EXCEEDED),
        "asked": Question.objects.filter(workspace=workspace, answered_at__isnull=True),
    }


def _spent(workspace: Workspace, at: datetime) -> dict[str, QuerySet[LedgerEntry]]:
    """The day is the UTC day, as caps by day count it and home shows it."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    booked = LedgerEntry.objects.filter(project_id=workspace.pk)
    return {
        "today": booked.filter(at__gte=midnight),
        "day": booked.filter(at__gte=at - DAY),
    }


def _without_agent(workspace: Workspace) -> dict[str, int]:
    """Entries in progress on which no agent is at work: few rows, whose columns are in no index."""
    running = _alive(workspace).filter(status=Entry.Status.IN_PROGRESS)
    return running.aggregate(landing=Count("pk", filter=status_groups.LANDING), split=Count("pk", filter=status_groups.SPLIT))


def _move_asked(workspace: Workspace, row: dict[str, Any]) -> None:
    """Count entries that wait for an answer as in review, and not as ready: columns of the entry do not show it."""
    unanswered = _alive(workspace).filter(status_groups.WAITING_FOR_ANSWER)
    n = unanswered.aggregate(all=Count("pk"), ready=Count("pk", filter=status_groups.STORED_KINDS["ready"]))
    row["review"] += n["all"]
    row["ready"] -= n["ready"] if row["ready"] <= COUNTED_TO else 0


def _as_subquery(rows: QuerySet[Any], what: Aggregate) -> Coalesce:
    """An aggregate as a subquery; 0 without rows."""
    return Coalesce(Subquery(rows.order_by().annotate(one=Value(1)).values("one").annotate(n=what).values("n")), 0)
