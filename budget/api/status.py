"""The contract's four budget calls. Find, ask, answer."""

import json
from typing import Any

from django.http import HttpResponse
from ninja import Path, Router

from budget import caps, money, queries, schemas
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import answers

router = Router()


@router.get(
    "/budget",
    response=answers(schemas.StatusOut),
    by_alias=True,
    operation_id="agent.orchestration.budgetGetStatus",
    tags=["budget"],
)
def get_status(request: Request, workspaceID: Path[str]) -> Any:
    """The cap, what is spent in each category, and every entry's budget with the cost of its rounds."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return json_answer(queries.status(workspace.pk))


@router.patch(
    "/budget", response=answers(schemas.GlobalOut), operation_id="agent.orchestration.budgetUpdateGlobal", tags=["budget"]
)
def update_global(request: Request, workspaceID: Path[str], body: schemas.GlobalIn) -> Any:
    """Set the hard cap of the workspace. Raising it lets waiting entries go on at once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    project = caps.set_project(queries.project_of(workspace.pk), "max_project_spend", body.max_project_spend_usd, by=request.auth)
    return queries.totals(project)


@router.patch(
    "/budget/entries/{entryID}",
    response=answers(schemas.EditedOut),
    operation_id="agent.orchestration.budgetEdit",
    tags=["budget"],
)
def edit(request: Request, workspaceID: Path[str], entryID: str, body: schemas.EntryBudgetIn) -> Any:
    """Set an entry's budget by hand, which also locks it against the reallocator."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    account = caps.edit(queries.account_for(workspace.pk, entryID), body.budget_usd, by=request.auth)
    return {"entryID": account.pk, "budget_usd": money.number(account.budget), "locked": account.human_locked}


@router.post(
    "/budget/entries/{entryID}/lock",
    response=answers(schemas.LockedOut),
    operation_id="agent.orchestration.budgetLock",
    tags=["budget"],
)
def lock(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """Toggle the human lock of an entry's budget."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    account = caps.toggle_lock(queries.account_for(workspace.pk, entryID), by=request.auth)
    return {"entryID": account.pk, "locked": account.human_locked}


def json_answer(body: Any) -> HttpResponse:
    """An answer that is in the contract's shape already, without a second pass through the response schema."""
    return HttpResponse(json.dumps(body, separators=(",", ":")), content_type="application/json")
