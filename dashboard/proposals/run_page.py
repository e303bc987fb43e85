"""One run: its state, its proposals as a difference of the backlog, its log, and what a person decides."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from budget.reads import gateway_requests
from dashboard.proposals import proposal_rows
from dashboard.proposals.proposal_rows import APPLIED
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import done
from orchestration import sessions
from orchestration.edge import queries
from orchestration.models import Executor, Proposal, Run, Session
from orchestration.proposals import applying, reads, run_requests
from orchestration.sessions.logs import windows as log_windows
from workspaces.access import Need
from workspaces.errors import Invalid

LOG_LINES = 200


@in_workspace()
def page(page_request: PageRequest, run_id: str) -> HttpResponse:
    run = run_requests.run_for(page_request.workspace.pk, run_id)
    page_request.memo["run"] = run
    regions = HEADER | {"run": Region("proposals/run.html#run", _run)}
    return render_page(page_request, "proposals/run.html", regions, run=run)


@require_POST
@in_workspace(Need.OPERATE)
def decide(page_request: PageRequest, run_id: str, verb: str) -> HttpResponse:
    """Apply or reject the ticked proposals, or reopen one."""
    run = run_requests.run_for(page_request.workspace.pk, run_id)
    if verb == "reopen":
        return _reopen(page_request, run)
    ticked = page_request.request.POST.getlist("proposal")
    if not ticked:
        raise Invalid("Tick the proposals to decide on", "proposal")
    chosen = [run_requests.proposal_for(run, proposal_id).pk for proposal_id in ticked]
    if verb == "reject":
        rejected = applying.reject(run, by=page_request.caller, only=chosen)
        return done(page_request, f"{_proposals(len(rejected))} {_is(len(rejected))} rejected", tone="warn")
    outcome = applying.apply(run, by=page_request.caller, only=chosen)
    sentence = _applied(outcome.applied)
    if outcome.outdated:
        named = ", ".join(str(proposal.number) for proposal in outcome.outdated)
        count = len(outcome.outdated)
        sentence += f"; {'proposal' if count == 1 else 'proposals'} {named} {_is(count)} outdated"
    if outcome.applied and _adds(outcome.applied) and not _executor_runs(page_request):
        sentence += "; nothing starts before the executor runs: press Start"
    if outcome.waiting:
        sentence += f"; {_proposals(len(outcome.waiting))} {_is(len(outcome.waiting))} still open: what they wait for is outdated"
    return done(page_request, sentence, tone="warn" if outcome.outdated else "good")


def _reopen(page_request: PageRequest, run: Run) -> HttpResponse:
    """The one whose button was pressed, whatever is ticked."""
    proposal = run_requests.proposal_for(run, page_request.request.POST.get("reopen", ""))
    applying.reopen(run, by=page_request.caller, only=[proposal.pk])
    return done(page_request, f"Proposal {proposal.number} is open again")


@require_POST
@in_workspace(Need.OPERATE)
def undo(page_request: PageRequest, run_id: str) -> HttpResponse:
    undone = applying.undo(run_requests.run_for(page_request.workspace.pk, run_id), by=page_request.caller)
    count = len(undone)
    words = f"{_entries(count)} {_is(count)} off the backlog again" if _adds(undone) else f"{_changes(count)} {_is(count)} undone"
    return done(page_request, f"{words}; the proposals are open", tone="warn")


@require_POST
@in_workspace(Need.OPERATE)
def stop(page_request: PageRequest, run_id: str) -> HttpResponse:
    run = run_requests.run_for(page_request.workspace.pk, run_id)
    sessions.stop_run(page_request.workspace.pk, run.pk, by=page_request.caller)
    return done(page_request, "The run is stopping. What it spent stays booked", tone="warn")


def _run(page_request: PageRequest) -> dict[str, Any]:
    run: Run = page_request.memo["run"]
    proposals = list(run.proposals.select_related("entry", "subject").order_by("number"))
    is_over = run.session.ended_at is not None
    applied = [proposal for proposal in proposals if proposal.state == Proposal.State.APPLIED]
    return {
        "run": run,
        "session": run.session,
        "is_over": is_over,
        "status": queries.shown_status(run.session),
        "cost": reads.costs([run.pk]).get(run.pk, 0),
        "requests": gateway_requests.totals(run.pk) if run.session.meter else None,
        "rows": proposal_rows.rows(page_request.workspace, proposals, reads.outrun(page_request.workspace.pk, proposals)),
        "open_count": sum(proposal.state == Proposal.State.OPEN for proposal in proposals),
        "tick": page_request.request.GET.get("tick", ""),
        "adds_only": _adds(proposals),
        "executor_runs": _executor_runs(page_request),
        "may_undo": bool(applied) and not any(_has_started(proposal) for proposal in applied),
        "again": _again(page_request, run) if is_over and page_request.may(Need.OPERATE) else "",
        "log": [line.text for line in log_windows.before(run.session, limit=LOG_LINES).lines],
    }


def _again(page_request: PageRequest, run: Run) -> str:
    """The address of the page where the same can be requested again."""
    goal = reverse("goal", args=[page_request.workspace.pk])
    if run.subject_id:
        return f"{reverse('entry', args=[page_request.workspace.pk, run.subject_id])}?tab=children"
    if run.session.role == Session.Role.PLAN:
        return f"{goal}?goal={quote(run.goal[:2000], safe='')}"
    return f"{goal}#orchestrate-h"


def _executor_runs(page_request: PageRequest) -> bool:
    return page_request.executor.state == Executor.State.RUNNING


def _has_started(proposal: Proposal) -> bool:
    """True if its entry has had a session since: undoing it is refused."""
    before = (proposal.before or {}).get("attempts", 0)
    return proposal.entry is not None and proposal.entry.attempts != before


def _applied(proposals: Sequence[Proposal]) -> str:
    """The number of applied proposals of each kind, in words."""
    counts = Counter(proposal.kind for proposal in proposals)
    parts = [f"{_entries(counts[kind])} {_is(counts[kind])} {word.lower()}" for kind, word in APPLIED.items() if counts[kind]]
    return ", ".join(parts) or "Nothing is applied"


def _adds(proposals: Sequence[Proposal]) -> bool:
    return all(proposal.kind == Proposal.Kind.ADD for proposal in proposals)


def _changes(number: int) -> str:
    return f"{number} {'change' if number == 1 else 'changes'}"


def _proposals(number: int) -> str:
    return f"{number} {'proposal' if number == 1 else 'proposals'}"


def _entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
