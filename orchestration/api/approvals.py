"""The approval calls: what waits for a person, and what that person decides."""

from typing import Any

from ninja import Path, Router

from orchestration import schemas
from orchestration.approval import choosing, comments, deciding, people, reads
from orchestration.edge import queries
from orchestration.models import Entry
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import responses

router = Router(tags=["landing"])


@router.get("/approvals", response=responses(schemas.ApprovalsOut), operation_id="agent.orchestration.approvalsGet")
def list_waiting(request: Request, workspaceID: Path[str]) -> Any:
    """Verified work that waits for a person's approval, the longest first."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return {"approvals": reads.waiting([workspace.pk])}


@router.post(
    "/todo/entries/{entryID}/approve",
    response=responses(schemas.ApprovalOut, conflict=True),
    operation_id="agent.orchestration.approvalsApprove",
)
def approve(request: Request, workspaceID: Path[str], entryID: str, body: schemas.ApproveIn) -> Any:
    """Let exactly this commit land. 409 when another one waits, or none."""
    return deciding.approve(_entry(request, workspaceID, entryID), body.commit, by=request.auth)


@router.post(
    "/todo/entries/{entryID}/send-back",
    response=responses(schemas.SentBackOut, conflict=True),
    operation_id="agent.orchestration.approvalsSendBack",
)
def send_back(request: Request, workspaceID: Path[str], entryID: str, body: schemas.SendBackIn) -> Any:
    """The note and all comments on this commit are the first findings of the entry's next round."""
    entry = _entry(request, workspaceID, entryID)
    new = [
        comments.draft(
            entry, body.commit, each.text, by=request.auth, path=each.path, line=each.line, side=comments.Side(each.side)
        )
        for each in body.comments
    ]
    return {"sent_back": True, "findings": deciding.send_back(entry, body.commit, by=request.auth, note=body.note, new=new)}


@router.post(
    "/todo/entries/{entryID}/choose",
    response=responses(schemas.ChosenOut, conflict=True),
    operation_id="agent.orchestration.approvalsChoose",
)
def choose(request: Request, workspaceID: Path[str], entryID: str, body: schemas.ApproveIn) -> Any:
    """Verify and land the commit of a candidate that was not chosen, instead of what waits. 409 while the entry is at work, or once it is done."""
    choosing.choose(_entry(request, workspaceID, entryID), body.commit, by=request.auth)
    return {"commit": body.commit}


@router.post(
    "/todo/entries/{entryID}/name-tests",
    response=responses(schemas.NamedTestsOut, conflict=True),
    operation_id="agent.orchestration.approvalsNameTests",
)
def name_tests(request: Request, workspaceID: Path[str], entryID: str, body: schemas.NameTestsIn) -> Any:
    """Let these tests decide about unproven work: it is verified again, without an agent. 409 when another commit waits, or none is unproven."""
    deciding.name_tests(_entry(request, workspaceID, entryID), body.commit, body.tests, by=request.auth)
    return {"tests": body.tests}


@router.post(
    "/todo/entries/{entryID}/release-locks",
    response=responses(schemas.ReleasedLocksOut, conflict=True),
    operation_id="agent.orchestration.approvalsReleaseLocks",
)
def release_locks(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """Release the locks of work that has waited for `approve.lock_hours`. It still waits."""
    return {"released": deciding.release_locks(_entry(request, workspaceID, entryID), by=request.auth)}


@router.get(
    "/todo/entries/{entryID}/comments",
    response=responses(schemas.WorkCommentsOut),
    operation_id="agent.orchestration.approvalsComments",
)
def list_comments(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """What people wrote on the entry's work, the newest 500."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return {"comments": reads.comments(queries.entry_for(workspace.pk, entryID))}


def _entry(request: Request, workspace_id: str, entry_id: str) -> Entry:
    """For somebody who may operate the workspace. An agent's token is refused before anything is looked up."""
    people.refuse_agents(request.auth)
    return queries.entry_for(access.workspace_for(request.auth, workspace_id, Need.OPERATE).pk, entry_id)
