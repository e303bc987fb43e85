"""The page that asks an agent to plan: a goal, examples of goals, and the newest runs."""

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import TypeAdapter, ValidationError

from dashboard.proposals import choose_agent
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import SEE_OTHER
from orchestration import configuration, schemas
from orchestration.configuration.config import agent_kinds
from orchestration.edge import queries
from orchestration.facts import events
from orchestration.models import Run, Session
from orchestration.proposals import reads, run_requests
from orchestration.schemas.runs import MAX_GOAL, Goal
from workspaces.access import Need
from workspaces.errors import Invalid

SHOWN = 20
EXAMPLES = (
    "Make the failing tests pass. One entry for each cause.",
    "Add a command that exports all data as CSV, with tests.",
    "Raise the test coverage of the module with the least of it to 90 %.",
    "Replace the deprecated calls that the test run warns about.",
)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Need.OPERATE)
def page(page_request: PageRequest) -> HttpResponse:
    if page_request.request.method != "POST":
        return _render(page_request, page_request.request.GET.get("goal", "")[:MAX_GOAL], "")
    typed = page_request.request.POST.get("goal", "").replace("\r\n", "\n")
    try:
        goal = str(TypeAdapter(Goal).validate_python(typed))
        run = run_requests.plan(page_request.workspace, goal, by=page_request.caller)
    except ValidationError as error:
        return _render(page_request, typed, f"The goal {_words(error)}")
    except Invalid as refused:
        return _render(page_request, typed, refused.message)
    return HttpResponseRedirect(reverse("run", args=[page_request.workspace.pk, run.pk]), status=SEE_OTHER)


@require_POST
@in_workspace(Need.OPERATE)
def orchestrate(page_request: PageRequest) -> HttpResponse:
    """Ask the orchestrator how the backlog should go on."""
    note = page_request.request.POST.get("note", "").replace("\r\n", "\n")
    try:
        note = schemas.OrchestrateIn(note=note).note
    except ValidationError as error:
        raise Invalid(f"The note {_words(error)}", "note") from None
    run = run_requests.orchestrate(page_request.workspace, note, by=page_request.caller)
    return HttpResponseRedirect(reverse("run", args=[page_request.workspace.pk, run.pk]), status=SEE_OTHER)


def runs(page_request: PageRequest) -> dict[str, Any]:
    """The newest runs, with what they cost and what became of their proposals."""
    listed, _ = reads.page(page_request.workspace.pk, limit=SHOWN, cursor=None)
    return {"runs": rows(listed)}


def rows(listed: list[Any]) -> list[dict[str, Any]]:
    ids = [run.pk for run in listed]
    counts, costs = reads.counts(ids), reads.costs(ids)
    return [
        {
            "run": run,
            "title": _title(run),
            "status": queries.shown_status(run.session),
            "cost": costs.get(run.pk, 0),
            "counts": [f"{count} {state}" for state, count in counts[run.pk].items() if count],
        }
        for run in listed
    ]


def _title(run: Run) -> str:
    goal = run.goal.strip().split("\n", 1)[0]
    if run.session.role == Session.Role.PLAN:
        return goal
    asked_to = events.ASKED_TO[run.session.role].capitalize()
    return f"{asked_to}: {goal}" if goal else asked_to


def _words(error: ValidationError) -> str:
    message = error.errors()[0]["msg"].removeprefix("Value error, ").removeprefix("String ")
    return f"{message[:1].lower()}{message[1:]}"


def _render(page_request: PageRequest, goal: str, problem: str) -> HttpResponse:
    config = configuration.load(page_request.executor.config)
    planner, orchestrator = config.planner, config.orchestrator
    context = {
        "goal": goal,
        "own_agent": choose_agent.offered(config),
        "problem": problem,
        "examples": EXAMPLES,
        "max_goal": MAX_GOAL,
        "planner": planner and agent_kinds.named(planner.acting_agent.kind),
        "limit": planner and configuration.micro(planner.run_usd),
        "planner_adds": planner and planner.apply != "never",
        "orchestrator_applies": orchestrator and orchestrator.apply != "never",
        "orchestrator": orchestrator and agent_kinds.named(orchestrator.acting_agent.kind),
        "orchestrator_limit": orchestrator and configuration.micro(orchestrator.run_usd),
    }
    response = render_page(
        page_request, "proposals/goal.html", HEADER | {"runs": Region("proposals/goal.html#runs", runs)}, **context
    )
    response.status_code = 422 if problem else 200
    return response
