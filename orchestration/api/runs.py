"""The calls about runs: ask for a plan, watch it, and decide on its proposals. An agent's own token reaches none of them."""

from collections.abc import Sequence
from typing import Any, Literal

from ninja import Path, Router, Status

from budget import amounts
from orchestration import schemas, sessions
from orchestration.api.keys import Key, once
from orchestration.api.sessions import LogPlace, log_response
from orchestration.edge import queries
from orchestration.models import Proposal, Run
from orchestration.proposals import applying, editing, expanding, reads, run_requests
from orchestration.proposals.answering.change_schema import NewValues
from orchestration.proposals.context import snapshots
from orchestration.proposals.kinds.schema import ProposedEntry
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import Cursor, Limit, extra_content, responses

router = Router(tags=["runs"])


@router.post("/plan-runs", response=responses(schemas.RunOut, status=201), operation_id="agent.orchestration.planRunsCreate")
def create_plan_run(request: Request, workspaceID: Path[str], body: schemas.PlanIn, idempotency_key: Key = None) -> Any:
    """Ask the planner to turn a goal into proposed entries. Its reservation must fit under the cap and the limits. The same `Idempotency-Key`
    counts once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return Status(201, _shown([run_requests.plan(workspace, body.goal, by=request.auth, key=once(request, idempotency_key))])[0])


@router.post(
    "/orchestrator-runs",
    response=responses(schemas.RunOut, status=201, conflict=True),
    operation_id="agent.orchestration.orchestratorRunsCreate",
)
def create_orchestrator_run(request: Request, workspaceID: Path[str], body: schemas.OrchestrateIn) -> Any:
    """Ask the orchestrator how the backlog should go on, unless it is asked already. Its reservation must fit under the cap and the limits."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return Status(201, _shown([run_requests.orchestrate(workspace, body.note, by=request.auth)])[0])


@router.get("/runs", response=responses(schemas.RunsOut), operation_id="agent.orchestration.runsList")
def list_runs(request: Request, workspaceID: Path[str], limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Runs, the newest first."""
    workspace = access.workspace_for(request.auth, workspaceID)
    runs, following = reads.page(workspace.pk, limit=limit, cursor=cursor)
    return {"runs": _shown(runs), "next_cursor": following}


@router.get("/runs/{runID}", response=responses(schemas.RunOut), operation_id="agent.orchestration.runsGet")
def get_run(request: Request, workspaceID: Path[str], runID: str) -> Any:
    """A run, open or ended."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return _shown([run_requests.run_for(workspace.pk, runID)])[0]


@router.post(
    "/todo/entries/{entryID}/expand-runs",
    response=responses(schemas.RunOut, status=201, conflict=True),
    operation_id="agent.orchestration.expandRunsCreate",
)
def create_expand_run(request: Request, workspaceID: Path[str], entryID: str, idempotency_key: Key = None) -> Any:
    """Ask the expander to split an entry, or to describe it better. It only proposes. The same `Idempotency-Key` counts once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    entry = queries.entry_for(workspace.pk, entryID)
    run = expanding.expand(workspace, entry, by=request.auth, key=once(request, idempotency_key, entry.pk))
    return Status(201, _shown([run])[0])


@router.get(
    "/runs/{runID}/log",
    response=responses(None),
    operation_id="agent.orchestration.runsLog",
    openapi_extra=extra_content(**{"text/plain": {"type": "string"}, "application/x-ndjson": {"type": "string"}}),
)
def get_log(
    request: Request,
    workspaceID: Path[str],
    runID: str,
    after: LogPlace = 0,
    format: Literal["text", "jsonl"] = "text",
    sentences: bool | None = None,
) -> Any:
    """A run's output after line `after`: as text, or as JSON lines with number, time and stream. `sentences`: an agent's line of JSON as the
    sentence that its page shows."""
    workspace = access.workspace_for(request.auth, workspaceID)
    run = run_requests.run_for(workspace.pk, runID)
    return log_response(request, run.session, after, format, sentences=bool(sentences))


@router.post("/runs/{runID}/stop", response=responses(schemas.Stopped), operation_id="agent.orchestration.runsStop")
def stop(request: Request, workspaceID: Path[str], runID: str) -> Any:
    """End an open run. What it spent stays booked."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    sessions.stop_run(workspace.pk, run_requests.run_for(workspace.pk, runID).pk, by=request.auth)
    return {"stopped": True}


@router.get(
    "/runs/{runID}/proposals", response=responses(schemas.RunProposalsOut), operation_id="agent.orchestration.runsProposals"
)
def list_proposals(request: Request, workspaceID: Path[str], runID: str) -> Any:
    """What a run proposes, in the order of its answer."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return {"proposals": _proposals(run_requests.run_for(workspace.pk, runID).proposals.order_by("number"))}


@router.put(
    "/runs/{runID}/proposals/{proposalID}",
    response=responses(schemas.RunProposalOut, conflict=True),
    operation_id="agent.orchestration.runsProposalPut",
)
def put_proposal(request: Request, workspaceID: Path[str], runID: str, proposalID: str, body: ProposedEntry) -> Any:
    """Change the entry of an open proposal before it is applied."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    proposal = run_requests.proposal_for(run_requests.run_for(workspace.pk, runID), proposalID)
    return _proposals([editing.edit(proposal, body, by=request.auth)])[0]


@router.patch(
    "/runs/{runID}/proposals/{proposalID}",
    response=responses(schemas.RunProposalOut, conflict=True),
    operation_id="agent.orchestration.runsProposalPatch",
)
def patch_proposal(request: Request, workspaceID: Path[str], runID: str, proposalID: str, body: NewValues) -> Any:
    """Set values of an open proposal that changes or merges entries before it is applied."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    proposal = run_requests.proposal_for(run_requests.run_for(workspace.pk, runID), proposalID)
    return _proposals([editing.set_values(proposal, body, by=request.auth)])[0]


@router.post(
    "/runs/{runID}/apply", response=responses(schemas.RunAppliedOut, conflict=True), operation_id="agent.orchestration.runsApply"
)
def apply(request: Request, workspaceID: Path[str], runID: str, body: schemas.ChoiceIn) -> Any:
    """Add the entries of open proposals, all or some. Those that the backlog has outrun become outdated instead."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    outcome = applying.apply(run_requests.run_for(workspace.pk, runID), by=request.auth, only=body.proposals)
    parts = {"applied": outcome.applied, "outdated": outcome.outdated, "waiting": outcome.waiting}
    return {name: _proposals(proposals) for name, proposals in parts.items()}


@router.post(
    "/runs/{runID}/reject",
    response=responses(schemas.RunProposalsOut, conflict=True),
    operation_id="agent.orchestration.runsReject",
)
def reject(request: Request, workspaceID: Path[str], runID: str, body: schemas.ChoiceIn) -> Any:
    """Refuse open proposals, all or some."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return {
        "proposals": _proposals(applying.reject(run_requests.run_for(workspace.pk, runID), by=request.auth, only=body.proposals))
    }


@router.post(
    "/runs/{runID}/reopen",
    response=responses(schemas.RunProposalsOut, conflict=True),
    operation_id="agent.orchestration.runsReopen",
)
def reopen(request: Request, workspaceID: Path[str], runID: str, body: schemas.ChoiceIn) -> Any:
    """Open rejected proposals again, all or some, unless the backlog has outrun one of them."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return {
        "proposals": _proposals(applying.reopen(run_requests.run_for(workspace.pk, runID), by=request.auth, only=body.proposals))
    }


@router.post(
    "/runs/{runID}/undo", response=responses(schemas.RunProposalsOut, conflict=True), operation_id="agent.orchestration.runsUndo"
)
def undo(request: Request, workspaceID: Path[str], runID: str) -> Any:
    """Take the entries of a run off the backlog again, while none of them has started. Their proposals are open then."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    run = run_requests.run_for(workspace.pk, runID)
    numbers = [proposal.pk for proposal in applying.undo(run, by=request.auth)]
    return {"proposals": _proposals(Proposal.objects.filter(pk__in=numbers).order_by("number"))}


def _shown(runs: Sequence[Run]) -> list[dict[str, Any]]:
    ids = [run.pk for run in runs]
    counts, costs = reads.counts(ids), reads.costs(ids)
    return [_run(run, counts[run.pk], costs.get(run.pk, 0)) for run in runs]


def _run(run: Run, counts: dict[str, int], cost: int) -> dict[str, Any]:
    session = run.session
    is_open = session.ended_at is None
    return {
        "id": run.pk,
        "role": session.role,
        "goal": run.goal,
        "requested_by": run.requested_by,
        "trigger": run.trigger,
        "subject_id": run.subject_id,
        "status": queries.shown_status(session),
        "agent": session.agent,
        "model": session.model or None,
        "commit": run.commit or None,
        "requested_at": session.claimed_at,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "stop_reason": session.outcome_message or None,
        "progress": session.progress or None,
        "waiting_for": session.waiting_for or None,
        "problems": run.problems,
        "cost_usd": amounts.number(cost),
        "reserved_usd": amounts.number(max(session.hold.remainder, 0) if session.hold and is_open else 0),
        "proposals": counts,
    }


def _proposals(proposals: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": proposal.pk,
            "number": proposal.number,
            "kind": proposal.kind,
            "state": proposal.state,
            "subject_id": proposal.subject_id,
            "before": snapshots.as_read(proposal.before) if proposal.before else None,
            "entry": proposal.after,
            "reason": proposal.reason or None,
            "note": proposal.note or None,
            "tests_on_base": proposal.tests_on_base or None,
            "estimate": _estimate(proposal),
            "entry_id": proposal.entry_id,
            "edited_by": proposal.edited_by or None,
            "decided_by": proposal.decided_by or None,
            "decided_at": proposal.decided_at,
        }
        for proposal in proposals
    ]


def _estimate(proposal: Proposal) -> dict[str, Any] | None:
    if not proposal.estimate:
        return None
    chances = {f"chance_{n}": chance for n, chance in enumerate(proposal.estimate["chances"], start=1)}
    return {**chances, "round_usd": amounts.number(proposal.estimate["round"])}
