"""The landing calls: the integration branch, the queue of verified work, and what a person decides about them."""

from typing import Any

from ninja import Path, Router

from orchestration import configuration, schemas
from orchestration.landing import decisions, queue, reads
from orchestration.models import IntegrationCommit, Landing, TreeVerdict
from workspaces import access, paging
from workspaces.access import Need, Request
from workspaces.models import Workspace
from workspaces.schemas import Cursor, Limit, responses

router = Router(tags=["landing"])


@router.get("/landing", response=responses(schemas.LandingOut), operation_id="agent.orchestration.landingGet")
def get_landing(request: Request, workspaceID: Path[str]) -> Any:
    """The integration branch: its tip, what is known of it, and the queue of verified work."""
    return shown(access.workspace_for(request.auth, workspaceID))


def shown(workspace: Workspace) -> dict[str, Any]:
    """The integration branch as the API shows it. Two git processes."""
    row = reads.integration(workspace.pk)
    distance = reads.distance(workspace, row.tip)
    verdict = reads.verdict_of(workspace, row.tip)
    return {
        "branch": configuration.load(workspace.executor.config).integration_branch,
        "base_branch": workspace.base_branch,
        "state": row.state,
        "tip": row.tip or None,
        "message": row.message or None,
        "foreign_tip": row.foreign_tip or None,
        "culprit": row.culprit or None,
        "phase": row.phase or None,
        "phase_since": row.phase_since,
        "undelivered": row.undelivered or None,
        "base_problem": row.base_problem or None,
        "ahead": distance.ahead,
        "behind": distance.behind,
        "verdict": _verdict(verdict) if verdict is not None else None,
        "queue": [_queued(landing) for landing in queue.in_order(workspace.pk)],
    }


@router.get("/landing/history", response=responses(schemas.HistoryOut), operation_id="agent.orchestration.landingHistory")
def get_history(request: Request, workspaceID: Path[str], limit: Limit = 100, cursor: Cursor = None) -> Any:
    """What Muster wrote on the integration branch, newest first."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows, following = paging.page(reads.history(workspace.pk), "-pk", limit=limit, cursor=cursor)
    return {"landed": [_landed(row) for row in rows], "next_cursor": following}


@router.post("/landing/check", response=responses(schemas.Ok), operation_id="agent.orchestration.landingCheck")
def check(request: Request, workspaceID: Path[str]) -> Any:
    """Run the checks on the tip again; the newest verdict counts."""
    decisions.check_again(access.workspace_for(request.auth, workspaceID, Need.OPERATE), by=request.auth)
    return {"ok": True}


@router.post("/landing/accept", response=responses(schemas.Ok, conflict=True), operation_id="agent.orchestration.landingAccept")
def accept(request: Request, workspaceID: Path[str], body: schemas.AcceptIn) -> Any:
    """Declare a tip that Muster did not write good: work starts from it and is compared with it."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    decisions.accept(workspace, body.tip, by=request.auth, from_now_on=body.from_now_on)
    return {"ok": True}


@router.post(
    "/landing/put-back", response=responses(schemas.PutBackOut, conflict=True), operation_id="agent.orchestration.landingPutBack"
)
def put_back(request: Request, workspaceID: Path[str], body: schemas.TipIn) -> Any:
    """Move the branch back to the last good tip; the commits that leave it are kept under a ref."""
    kept = decisions.put_back(access.workspace_for(request.auth, workspaceID, Need.OPERATE), body.tip, by=request.auth)
    return {"put_back": True, "kept": kept}


@router.post("/landing/revert", response=responses(schemas.RevertOut), operation_id="agent.orchestration.landingRevert")
def revert(request: Request, workspaceID: Path[str], body: schemas.RevertIn) -> Any:
    """Queue the undoing of a commit of the branch; it is judged like any other work."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return {"queued": True, "id": decisions.revert(workspace, body.commit, by=request.auth).pk}


@router.post("/landing/push", response=responses(schemas.Ok), operation_id="agent.orchestration.landingPush")
def push(request: Request, workspaceID: Path[str]) -> Any:
    """Push the integration branch to the configured remote soon."""
    decisions.push(access.workspace_for(request.auth, workspaceID, Need.OPERATE), by=request.auth)
    return {"ok": True}


@router.post(
    "/landing/merge", response=responses(schemas.MergedOut, conflict=True), operation_id="agent.orchestration.landingMerge"
)
def merge(request: Request, workspaceID: Path[str], body: schemas.TipIn) -> Any:
    """Move the base branch forward to the integration branch's tip, which must have a passing verdict."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.OPERATE)
    return {"merged": True, "before": decisions.merge_into_base(workspace, body.tip, by=request.auth)}


def _verdict(verdict: TreeVerdict) -> dict[str, Any]:
    summary = reads.summary(verdict)
    return {
        "tree": verdict.tree,
        "commit": verdict.commit,
        "kind": verdict.kind,
        "passed": verdict.passed,
        "green": summary.green,
        "passing": summary.passing,
        "failing": summary.failing,
        "seconds": verdict.seconds,
        "accepted_by": verdict.by or None,
        "at": verdict.at,
        "checks": [reads.shown_check(check) for check in verdict.checks],
    }


def _queued(landing: Landing) -> dict[str, Any]:
    entry = landing.entry
    return {
        "id": landing.pk,
        "kind": landing.kind,
        "entry_id": landing.entry_id,
        "seq": entry.seq if entry is not None else None,
        "title": entry.title if entry is not None else None,
        "commit": landing.commit,
        "state": landing.state,
        "waits": landing.message if landing.not_before is not None else None,
        "queued_at": landing.queued_at,
    }


def _landed(row: IntegrationCommit) -> dict[str, Any]:
    return {
        "id": row.pk,
        "kind": row.kind,
        "commit": row.new,
        "tree": row.tree,
        "subject": row.subject,
        "entry_ids": [landing.entry_id for landing in row.landings.all() if landing.entry_id is not None],
        "reused": row.reused,
        "seconds": row.verdict.seconds if row.verdict is not None and not row.reused else None,
        "at": row.done_at,
    }
