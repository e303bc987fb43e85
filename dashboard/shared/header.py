"""The header of every page of a workspace: navigation with counts, executor controls, progress of a stop, and at most one banner."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.timezone import now

from budget import amounts
from dashboard.shared import places, stop_progress
from dashboard.shared.page_request import PageRequest, Region
from orchestration import configuration
from orchestration.executor import stats as executor_stats
from orchestration.landing import branch
from orchestration.models import Executor
from workspaces.access import Need


@dataclass(frozen=True)
class Alert:
    """A problem that needs a person now. `tone`: bad | warn | odd."""

    tone: str
    sentence: str
    link: str
    words: str


def nav(page_request: PageRequest) -> dict[str, Any]:
    """The six places, their pages and counts."""
    return {"places": list(places.shown(page_request))}


def build(page_request: PageRequest) -> dict[str, Any]:
    executor, project, at_work = page_request.executor, page_request.project, page_request.at_work
    return {
        "executor": executor,
        "shown_state": shown_state(page_request),
        "ticked_at": page_request.ticked_at,
        "late_after_s": int(executor_stats.late_after_s()),
        "project": project,
        "at_work": at_work,
        "max_workers": configuration.load(executor.config).max_workers,
        "stop_all": stop_all(at_work + page_request.counted("open_runs"), project.held),
    }


def stop_all(at_work: int, held: int) -> tuple[str, str]:
    """The label of the confirmed button, and its consequence."""
    if not at_work:
        return "Turn dispatch off now", "No session is running; dispatch turns off."
    in_flight = f" ({amounts.format_usd(held)} reserved)" if held else ""
    button = f"Stop {at_work} {'worker' if at_work == 1 else 'workers'} now"
    return button, f"Ends {at_work} running{in_flight} and turns dispatch off; commits are kept."


def shown_state(page_request: PageRequest) -> str:
    has_work = bool(page_request.at_work or page_request.counted("open_entries"))
    return state_of(page_request.executor, page_request.ticked_at, at_work=page_request.at_work, has_work=has_work)


def state_of(executor: Executor, ticked_at: datetime | None, *, at_work: int, has_work: bool) -> str:
    """The observed state, as opposed to the stored one: `running` only while ticks arrive and some entry is open."""
    if executor.state == Executor.State.PAUSED and at_work:
        return "stopping" if executor.stop_all_at else "pausing"
    if executor.state != Executor.State.RUNNING:
        return executor.state
    if is_late(ticked_at):
        return "unknown"
    return "running" if has_work else "idle"


def is_late(ticked_at: datetime | None) -> bool:
    return ticked_at is None or now() - ticked_at > timedelta(seconds=executor_stats.late_after_s())


def banner(page_request: PageRequest) -> dict[str, Any]:
    """The most urgent alert, and the number of others."""
    alerts = alerts_of(page_request)
    return {"alert": alerts[0] if alerts else None, "more_alerts": max(len(alerts) - 1, 0)}


def alerts_of(page_request: PageRequest) -> list[Alert]:
    """Most urgent first. The banner shows the first, the overview's attention list all."""
    alerts, at = [], [page_request.workspace.pk]
    stop = stop_progress.load(page_request)
    if stop is not None and stop.silent:
        silent = len(stop.silent)
        words = f"{silent} of {len(stop.sessions)} sessions {'has' if silent == 1 else 'have'} not confirmed the stop"
        alerts.append(Alert("bad", words, "#stopping", "View"))
    project = page_request.project
    if project.is_used_up:
        cap = amounts.format_usd(project.max_project_spend)
        alerts.append(
            Alert("bad", f"The hard cap of {cap} is reached: no session starts", reverse("budget", args=at), "Review cap")
        )
    integration = getattr(page_request.executor.workspace, "integration", None)
    if integration is not None and integration.state in branch.STOPS_DISPATCH:
        alerts.append(Alert("bad", integration.message, reverse("landing", args=at), "View landing"))
    away = page_request.executor.landing_away  # type: ignore[attr-defined]
    problems = [getattr(integration, "base_problem", ""), _push_problem(page_request.executor), away or ""]
    first_lines = [problem.split("\n")[0][:300] for problem in problems if problem]  # the rest is on the page
    alerts += [Alert("warn", line, reverse("landing", args=at), "View landing") for line in first_lines]
    if page_request.executor.state == Executor.State.RUNNING and is_late(page_request.ticked_at):
        words = "No tick from the executor: no session starts until its control worker is back"
        alerts.append(Alert("odd", words, reverse("executor-page", args=at), "Diagnostics"))
    elif page_request.executor.state == Executor.State.RUNNING and _lacks_worker(page_request):
        words = "No session worker is online: no session starts until one is (./muster worker)"
        alerts.append(Alert("odd", words, reverse("hosts", args=at), "Hosts"))
    if page_request.may(Need.BUDGET) and (waiting := page_request.counted("reviews_waiting")):
        words = "A review waits for your decision" if waiting == 1 else f"{waiting} reviews wait for your decision"
        alerts.append(Alert("warn", words, reverse("reviews", args=at), "Decide"))
    return alerts


def _lacks_worker(page_request: PageRequest) -> bool:
    return bool(page_request.counted("open_entries")) and not page_request.counted("has_session_worker")


def _push_problem(executor: Executor) -> str:
    return (
        "The integration branch could not be pushed: landings go on, and the next one pushes again" if executor.push_error else ""
    )


HEADER = {
    "nav": Region("shared/nav.html", nav),
    "header": Region("shared/header.html", build),
    "stopping": Region("shared/stop_progress.html", stop_progress.region),
    "banner": Region("shared/banner.html", banner),
}
