"""A workspace's overview: is it working, is it safe, and what needs attention."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from budget import limits
from budget.amounts import columns
from budget.categories import CATEGORIES, LABELS
from budget.charts import outlook
from budget.forecast import Forecast, record
from budget.limits import LimitStatus
from dashboard.demo import story
from dashboard.overview import attention, last_day, progress, setup, tally
from dashboard.sessions import rows
from dashboard.shared import fragments
from dashboard.shared.counts import text
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration import configuration
from orchestration.configuration.config import agent_kinds
from orchestration.hosts import online
from orchestration.models import Executor

MAX_SESSIONS = 8
MAX_EVENTS = 10


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    return render_page(page_request, "overview/overview.html", REGIONS)


def now_(page_request: PageRequest) -> dict[str, Any]:
    """The progress of the backlog, its end and its cost."""
    config = configuration.load(page_request.executor.config)
    counts = tally.of(page_request)
    return {
        "executor": page_request.executor,
        "project": page_request.project,
        "agent_kind": agent_kinds.named(config.agent.kind),
        "has_checks": bool(config.verify or config.verifier),
        "tally": counts,
        "parts": progress.parts(counts, page_request.workspace.pk),
        "halted": _halted(page_request, config),
        "outlook": outlook.sentence(_forecast(page_request)),
        "forecast": _forecast(page_request),
        "finish": _forecast(page_request).end_at,
        "done_at": tally.done_at(page_request),
    }


def _halted(page_request: PageRequest, config: configuration.Config) -> str:
    executor = page_request.executor
    return progress.halted(
        tally.of(page_request),
        agent_fails=bool(page_request.agents.standstill or page_request.agent_problem),
        unusable=bool(executor.repository_code),
        is_spent=page_request.project.headroom < max(config.min_round, 1),
    )


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


def workers(page_request: PageRequest) -> dict[str, Any]:
    """Sessions that need attention come first and are never cut off."""
    context, at = fragments.workers(page_request), timezone.now()
    ranked = sorted(
        context["workers"], key=lambda worker: rows.urgency(worker["session"], at, over=False, quiet=worker["quiet"], late=False)
    )
    shown = {"workers": ranked[:MAX_SESSIONS], "more_workers": max(len(ranked) - MAX_SESSIONS, 0)}
    counts = tally.of(page_request)
    waits_in = [worker for worker in ranked if worker["session"].pk == counts["request_waits_in"]]
    return context | shown | {"tally": counts, "at_work": page_request.at_work, "request_waits_in": waits_in}


def money(page_request: PageRequest) -> dict[str, Any]:
    """Its forecast is left out once all is done."""
    project, counts = page_request.project, tally.of(page_request)
    of_day = (status.limit for status in _limits(page_request) if (status.category, status.period) == ("total", "day"))
    other_limits = [
        status
        for status in _limits(page_request)
        if status.limit is not None and (status.category, status.period) != ("total", "all")
    ]
    spent = {name: project.spent_on(name) for name in CATEGORIES}
    texts, _ = columns.texts(list(spent.values()))
    shown = [(LABELS[name], text) for name, text in zip(CATEGORIES, texts, strict=True) if spent[name] or name == "entry"]
    return {
        "project": project,
        "categories": shown,
        "steering": project.total_spent > project.spent_on("entry"),
        "today": counts["today"],
        "day_limit": next(of_day, None),
        "left": project.headroom,
        "at_work": page_request.at_work,
        "forecast": (seen := _forecast(page_request)),
        "has_end": seen.enough and seen.end_low is not None and counts["done"] < counts["total"],
        "limits_reached": [(limits.describe(status), status) for status in other_limits if status.reached],
    }


def first_steps(page_request: PageRequest) -> dict[str, Any]:
    counts = tally.of(page_request)
    unreachable = online.unreachable(page_request.workspace.pk) if counts["unreachable"] else {}
    return setup.region(page_request, has_landed=bool(counts["landed"]), unreachable=unreachable)


def newest(page_request: PageRequest) -> dict[str, Any]:
    return last_day.region(page_request, spent=tally.of(page_request)["day"])


def recent(page_request: PageRequest) -> dict[str, Any]:
    return fragments.activity(page_request, limit=MAX_EVENTS)


def needs(page_request: PageRequest) -> dict[str, Any]:
    """The attention list, and the time of the last failure."""
    counts = tally.of(page_request)
    summary = attention.load(
        page_request, stuck=counts["failed"] + counts["stuck"], unfunded=counts["unfunded"], asked=counts["asked"]
    )
    last = None if summary.shown else counts["last_failure"]
    return {
        "needs": summary.shown,
        "more_needs": summary.more,
        "all_needs": _lists(page_request, counts) if summary.more else [],
        "last_failure": last,
    }


def trouble(page_request: PageRequest) -> dict[str, Any]:
    """The circuit breakers that are open."""
    return {"executor": page_request.executor, "agents": page_request.agents}


def _lists(page_request: PageRequest, counts: dict[str, Any]) -> list[tuple[str, str]]:
    """Links to all that the attention list has no room for, each with the number that its page shows."""
    entries, workers = (reverse(name, args=[page_request.workspace.pk]) for name in ("entries", "workers"))
    numbers = [
        (counts["blocked"] + counts["failed"], "blocked or failed", f"{entries}?status=stuck"),
        (counts["review"], "in review", f"{entries}?status=review"),
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
