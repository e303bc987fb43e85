"""The first page of a workspace: is it working, is it safe, and what needs me."""

from datetime import timedelta
from typing import Any

from django.db.models import Aggregate, Count, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from budget import limits
from budget.charts import outlook
from budget.charts.patterns import CATEGORIES, LABELS
from budget.forecast import inputs as forecast_inputs
from budget.limits import LimitStatus
from budget.models import LedgerEntry
from dashboard.overview import attention
from dashboard.sessions import rows
from dashboard.shared import fragments
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, show
from orchestration import configuration, funding
from orchestration.models import Entry, Executor, Session
from orchestration.reasons import NEEDS_PERSON, Reason

MOST_WORKERS = 8
MOST_EVENTS = 10
DAY = timedelta(days=1)
NEVER_STARTED = "Nothing is forecast before the executor is started."


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    return show(page_request, "overview/overview.html", REGIONS, tab="home")


def now_(page_request: PageRequest) -> dict[str, Any]:
    """Four numbers, each with what it was or became within a day, in words."""
    config = configuration.load(page_request.executor.config)
    return {
        "executor": page_request.executor,
        "at_work": page_request.at_work,
        "max_workers": config.max_workers,
        "agent_kind": config.agent.kind,
        "has_checks": bool(config.verify or config.verifier),
        "tally": _tally(page_request),
        "day_limit": next((one.limit for one in _limits(page_request) if (one.category, one.period) == ("total", "day")), None),
    }


def _limits(page_request: PageRequest) -> list[LimitStatus]:
    """Read once for the regions that tell of them."""
    if "limits" not in page_request.memo:
        page_request.memo["limits"] = limits.statuses(page_request.project.pk, project=page_request.project)
    found: list[LimitStatus] = page_request.memo["limits"]
    return found


def _tally(page_request: PageRequest) -> dict[str, Any]:
    """What the first page counts: one statement, which the database answers from its indexes. The day begins at midnight where the reader
    is; yesterday's spend is up to the same time."""
    if "tally" in page_request.memo:
        found: dict[str, Any] = page_request.memo["tally"]
        return found
    at = timezone.localtime()
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    alive = Entry.objects.filter(workspace=page_request.workspace, deleted_at__isnull=True)
    waiting, blocked = alive.filter(status=Entry.Status.PENDING), alive.filter(status=Entry.Status.BLOCKED)
    ended = Session.objects.filter(workspace=page_request.workspace, ended_at__gte=at - DAY)
    bad = [Session.Outcome.FAILED, Session.Outcome.CRASHED, Session.Outcome.LOST, Session.Outcome.TIMED_OUT]
    failures = (
        Session.objects.filter(workspace=page_request.workspace, outcome__in=bad).order_by("-ended_at").values("ended_at")[:1]
    )
    booked = LedgerEntry.objects.filter(project=page_request.project)
    counts = {
        "total": alive,
        "ready": waiting.filter(unmet_dependencies=0, parked_behind__isnull=True),
        "waiting": waiting,
        "blocked": blocked,
        "newly_blocked": blocked.filter(reason_at__gte=at - DAY),
        "failed": alive.filter(status=Entry.Status.FAILED),
        "stuck": blocked.filter(reason_code__in=NEEDS_PERSON),
        "unfunded": blocked.filter(reason_code=Reason.PROJECT_BUDGET_EXCEEDED),
        "ended": ended,
        "passed": ended.filter(outcome=Session.Outcome.PASSED),
    }
    sums = {"today": booked.filter(at__gte=midnight), "yesterday": booked.filter(at__gte=midnight - DAY, at__lt=at - DAY)}
    asked = {name: _number(rows, Count("*")) for name, rows in counts.items()}
    asked |= {name: _number(rows, Sum("amount")) for name, rows in sums.items()}
    row: dict[str, Any] = dict(
        Executor.objects.filter(pk=page_request.workspace.pk).values(last_failure=Subquery(failures), **asked).get()
    )
    tally = row | {"more": row["today"] - row["yesterday"]}
    page_request.memo["tally"] = tally
    return tally


def _number(rows: QuerySet[Any], what: Aggregate) -> Coalesce:
    """What a set of rows comes to, as a part of another statement; 0 for none."""
    return Coalesce(Subquery(rows.order_by().annotate(one=Value(1)).values("one").annotate(n=what).values("n")), 0)


def workers(page_request: PageRequest) -> dict[str, Any]:
    """What somebody should look at comes first: it is never among those that are left out."""
    found, at = fragments.workers(page_request), timezone.now()
    ranked = sorted(found["workers"], key=lambda one: rows.need(one["session"], at, over=False, quiet=one["quiet"], late=False))
    return found | {"workers": ranked[:MOST_WORKERS], "more_workers": max(len(ranked) - MOST_WORKERS, 0)}


def money(page_request: PageRequest) -> dict[str, Any]:
    project = page_request.project
    paused = page_request.executor.state != Executor.State.RUNNING
    forecast = forecast_inputs.forecast(
        project.pk, paused=paused, project=project, agreed=funding.terms_of(page_request.executor)
    )
    beside = [one for one in _limits(page_request) if one.limit is not None and (one.category, one.period) != ("total", "all")]
    return {
        "project": project,
        "categories": [(LABELS[name], getattr(project, f"{name}_spent")) for name in CATEGORIES],
        "left": project.headroom,
        "outlook": NEVER_STARTED if page_request.executor.state == Executor.State.STOPPED else outlook.sentence(forecast),
        "limits_reached": [(limits.describe(one), one) for one in beside if one.reached],
    }


def recent(page_request: PageRequest) -> dict[str, Any]:
    return fragments.activity(page_request, most=MOST_EVENTS)


def needs(page_request: PageRequest) -> dict[str, Any]:
    """What only a person can do, and when something last went wrong."""
    tally = _tally(page_request)
    found = attention.of(page_request, stuck=tally["failed"] + tally["stuck"], unfunded=tally["unfunded"])
    last = None if found.shown else tally["last_failure"]
    return {"needs": found.shown, "more_needs": found.more, "last_failure": last, "failures_at": _failures(page_request)}


def trouble(page_request: PageRequest) -> dict[str, Any]:
    """The breaker, when it is open."""
    return {"executor": page_request.executor}


def _failures(page_request: PageRequest) -> str:
    return f"{reverse('entries', args=[page_request.workspace.pk])}?status=failed"


REGIONS = HEADER | {
    "trouble": Region("overview/overview.html#trouble", trouble),
    "attention": Region("overview/overview.html#attention", needs),
    "now": Region("overview/overview.html#now", now_),
    "workers": Region("overview/overview.html#workers", workers),
    "budget": Region("overview/overview.html#budget", money),
    "activity": Region("overview/overview.html#activity", recent),
}
