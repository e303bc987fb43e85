"""A workspace's overview: is it working, is it safe, and what needs attention."""

from datetime import timedelta
from typing import Any

from django.db.models import Aggregate, Count, Exists, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from budget import limits
from budget.amounts import columns
from budget.charts import outlook
from budget.charts.patterns import CATEGORIES, LABELS
from budget.forecast import Forecast, finish, record
from budget.limits import LimitStatus
from budget.models import LedgerEntry
from dashboard.demo import story
from dashboard.overview import attention, last_day, setup
from dashboard.sessions import rows
from dashboard.shared import fragments
from dashboard.shared.counts import COUNTED_TO, Counted, text
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration import configuration
from orchestration.backlog import status_groups
from orchestration.configuration import agent_kinds
from orchestration.hosts import online
from orchestration.models import Entry, Executor, IntegrationCommit, Question, Session
from orchestration.reasons import Reason

MAX_SESSIONS = 8
MAX_EVENTS = 10
DAY = timedelta(days=1)
NEVER_STARTED = "There is no forecast before the executor starts."


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    return render_page(page_request, "overview/overview.html", REGIONS, tab="home")


def now_(page_request: PageRequest) -> dict[str, Any]:
    """Four numbers, each with its change within a day."""
    config = configuration.load(page_request.executor.config)
    return {
        "executor": page_request.executor,
        "at_work": page_request.at_work,
        "max_workers": config.max_workers,
        "agent_kind": agent_kinds.named(config.agent.kind),
        "has_checks": bool(config.verify or config.verifier),
        "tally": _tally(page_request),
        "forecast": _forecast(page_request),
        "finish": finish(_forecast(page_request), spent=page_request.project.total_spent, at=timezone.now()),
        "day_limit": next(
            (status.limit for status in _limits(page_request) if (status.category, status.period) == ("total", "day")), None
        ),
    }


def _limits(page_request: PageRequest) -> list[LimitStatus]:
    """Cached for the regions of one page."""
    if "limits" not in page_request.memo:
        page_request.memo["limits"] = limits.statuses(page_request.project.pk, project=page_request.project)
    statuses: list[LimitStatus] = page_request.memo["limits"]
    return statuses


def _forecast(page_request: PageRequest) -> Forecast:
    """Cached for the regions of one page."""
    if "forecast" not in page_request.memo:
        project, paused = page_request.project, page_request.executor.state != Executor.State.RUNNING
        page_request.memo["forecast"] = record.current(project.pk, paused=paused, project=project)
    forecast: Forecast = page_request.memo["forecast"]
    return forecast


def _tally(page_request: PageRequest) -> dict[str, Any]:
    """The overview's counts in one statement that uses indexes only; those that are only shown stop at COUNTED_TO. What is in review is not counted as waiting. The day begins at
    midnight in the reader's time zone; yesterday's spend is up to the same time of day."""
    if "tally" in page_request.memo:
        cached: dict[str, Any] = page_request.memo["tally"]
        return cached
    at = timezone.localtime()
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    alive = Entry.objects.filter(workspace=page_request.workspace, deleted_at__isnull=True)
    blocked = alive.filter(status=Entry.Status.BLOCKED)
    ended = Session.objects.filter(workspace=page_request.workspace, ended_at__gte=at - DAY)
    bad = [Session.Outcome.FAILED, Session.Outcome.CRASHED, Session.Outcome.LOST, Session.Outcome.TIMED_OUT]
    failures = (
        Session.objects.filter(workspace=page_request.workspace, outcome__in=bad).order_by("-ended_at").values("ended_at")[:1]
    )
    booked = LedgerEntry.objects.filter(project=page_request.project)
    shown = {
        "total": alive,
        "done": alive.filter(status=Entry.Status.DONE),
        "running": alive.filter(status=Entry.Status.IN_PROGRESS),
        "ready": alive.filter(status_groups.STORED_KINDS["ready"]),
        "waiting": alive.filter(status=Entry.Status.PENDING),
        "blocked": blocked,
        "newly_blocked": blocked.filter(reason_at__gte=at - DAY),
        "ended": ended,
        "passed": ended.filter(outcome=Session.Outcome.PASSED),
    }
    reckoned_with = {
        "failed": alive.filter(status=Entry.Status.FAILED),
        "stuck": alive.filter(status_groups.STUCK),
        "review": alive.filter(status_groups.STORED_KINDS["review"]),
        "unfunded": blocked.filter(reason_code=Reason.PROJECT_BUDGET_EXCEEDED),
        "asked": Question.objects.filter(workspace=page_request.workspace, answered_at__isnull=True),
    }
    sums = {
        "today": booked.filter(at__gte=midnight),
        "yesterday": booked.filter(at__gte=midnight - DAY, at__lt=at - DAY),
        "day": booked.filter(at__gte=at - DAY),
    }
    landed = IntegrationCommit.objects.filter(workspace=page_request.workspace)
    subqueries: dict[str, Any] = {name: Counted(rows) for name, rows in shown.items()}
    subqueries |= {name: _as_subquery(rows, Count("*")) for name, rows in reckoned_with.items()}
    subqueries |= {name: _as_subquery(rows, Sum("amount")) for name, rows in sums.items()}
    row: dict[str, Any] = dict(
        Executor.objects.filter(pk=page_request.workspace.pk)
        .values(
            some=Exists(alive),
            last_failure=Subquery(failures),
            landed=Exists(landed),
            unreachable=Exists(online.with_problems()),
            **subqueries,
        )
        .get()
    )
    if row["asked"]:
        unanswered = alive.filter(status_groups.WAITING_FOR_ANSWER)
        n = unanswered.aggregate(all=Count("pk"), ready=Count("pk", filter=status_groups.STORED_KINDS["ready"]))
        row["review"] += n["all"]
        row["ready"] -= n["ready"] if row["ready"] <= COUNTED_TO else 0
    row["waiting"] -= row["review"] if row["waiting"] <= COUNTED_TO else 0
    tally = row | {"more": row["today"] - row["yesterday"]}
    page_request.memo["tally"] = tally
    return tally


def _as_subquery(rows: QuerySet[Any], what: Aggregate) -> Coalesce:
    """An aggregate as a subquery; 0 without rows."""
    return Coalesce(Subquery(rows.order_by().annotate(one=Value(1)).values("one").annotate(n=what).values("n")), 0)


def workers(page_request: PageRequest) -> dict[str, Any]:
    """Sessions that need attention come first and are never cut off."""
    context, at = fragments.workers(page_request), timezone.now()
    ranked = sorted(
        context["workers"], key=lambda worker: rows.urgency(worker["session"], at, over=False, quiet=worker["quiet"], late=False)
    )
    shown = {"workers": ranked[:MAX_SESSIONS], "more_workers": max(len(ranked) - MAX_SESSIONS, 0)}
    return context | shown | {"tally": _tally(page_request)}


def money(page_request: PageRequest) -> dict[str, Any]:
    project = page_request.project
    other_limits = [
        status
        for status in _limits(page_request)
        if status.limit is not None and (status.category, status.period) != ("total", "all")
    ]
    spent = {name: getattr(project, f"{name}_spent") for name in CATEGORIES}
    texts, _ = columns.texts(list(spent.values()))
    shown = [(LABELS[name], text) for name, text in zip(CATEGORIES, texts, strict=True) if spent[name] or name == "entry"]
    return {
        "project": project,
        "categories": shown,
        "left": project.headroom,
        "outlook": NEVER_STARTED
        if page_request.executor.state == Executor.State.STOPPED
        else outlook.sentence(_forecast(page_request)),
        "limits_reached": [(limits.describe(status), status) for status in other_limits if status.reached],
    }


def first_steps(page_request: PageRequest) -> dict[str, Any]:
    tally = _tally(page_request)
    unreachable = online.unreachable(page_request.workspace.pk) if tally["unreachable"] else {}
    return setup.region(page_request, has_landed=bool(tally["landed"]), unreachable=unreachable)


def newest(page_request: PageRequest) -> dict[str, Any]:
    return last_day.region(page_request, spent=_tally(page_request)["day"])


def recent(page_request: PageRequest) -> dict[str, Any]:
    return fragments.activity(page_request, limit=MAX_EVENTS)


def needs(page_request: PageRequest) -> dict[str, Any]:
    """The attention list, and the time of the last failure."""
    tally = _tally(page_request)
    summary = attention.load(
        page_request, stuck=tally["failed"] + tally["stuck"], unfunded=tally["unfunded"], asked=tally["asked"]
    )
    last = None if summary.shown else tally["last_failure"]
    return {
        "needs": summary.shown,
        "more_needs": summary.more,
        "all_needs": _lists(page_request, tally) if summary.more else [],
        "last_failure": last,
    }


def trouble(page_request: PageRequest) -> dict[str, Any]:
    """The provider's circuit breaker, when it is open."""
    return {"executor": page_request.executor}


def _lists(page_request: PageRequest, tally: dict[str, Any]) -> list[tuple[str, str]]:
    """Where all are that the attention list has no room for: each with the number that its page shows, and its link."""
    entries, workers = (reverse(name, args=[page_request.workspace.pk]) for name in ("entries", "workers"))
    numbers = [
        (tally["blocked"] + tally["failed"], "blocked or failed", f"{entries}?status=stuck"),
        (tally["review"], "in review", f"{entries}?status=review"),
    ]
    return [(f"{text(n)} {words}", link) for n, words, link in numbers if n] or [("sessions", workers)]


REGIONS = HEADER | {
    "trouble": Region("overview/overview.html#trouble", trouble),
    "story": Region("demo/story.html#story", story.region),
    "setup": Region("overview/setup.html#setup", first_steps),
    "attention": Region("overview/overview.html#attention", needs),
    "now": Region("overview/overview.html#now", now_),
    "workers": Region("overview/overview.html#workers", workers),
    "budget": Region("overview/overview.html#budget", money),
    "last-day": Region("overview/last_day.html#last-day", newest),
    "activity": Region("overview/overview.html#activity", recent),
}
