"""The contract's four budget calls."""

from typing import Annotated, Any

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from ninja import Header, Path, Router

from budget import amounts, schemas
from budget.limits import caps
from budget.reads import queries, summary
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import responses

router = Router()
UNCHANGED = {"responses": {304: {"description": "Nothing changed since the answer with this ETag"}}}


@router.get(
    "/budget",
    response=responses(schemas.StatusOut),
    by_alias=True,
    operation_id="agent.orchestration.budgetGetStatus",
    tags=["budget"],
    openapi_extra=UNCHANGED,
)
def get_status(
    request: Request, workspaceID: Path[str], if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None
) -> Any:
    """The cap, what is spent in each category, and every entry's budget with the cost of its rounds.

    Send the `ETag` of the last answer as `If-None-Match`: as long as nothing changed, 304 without a body.
    """
    workspace = access.workspace_for(request.auth, workspaceID)
    if if_none_match and (tag := summary.tag(workspace.pk)) in _tags(if_none_match):
        return HttpResponseNotModified(headers={"ETag": tag})
    now = summary.read(workspace.pk)
    return HttpResponse(
        now.body, content_type="application/json", headers={"ETag": now.tag, "Cache-Control": "private, no-cache"}
    )


@router.patch(
    "/budget", response=responses(schemas.GlobalOut), operation_id="agent.orchestration.budgetUpdateGlobal", tags=["budget"]
)
def update_global(request: Request, workspaceID: Path[str], body: schemas.GlobalIn) -> Any:
    """Set the hard cap of the workspace. Raising it lets waiting entries go on at once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    project = caps.set_project(queries.project_of(workspace.pk), "max_project_spend", body.max_project_spend_usd, by=request.auth)
    return queries.totals(project)


@router.patch(
    "/budget/entries/{entryID}",
    response=responses(schemas.EditedOut),
    operation_id="agent.orchestration.budgetEdit",
    tags=["budget"],
)
def edit(request: Request, workspaceID: Path[str], entryID: str, body: schemas.EntryBudgetIn) -> Any:
    """Set an entry's budget by hand, which also locks it against the reallocator."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    account = caps.edit(queries.account_for(workspace.pk, entryID), body.budget_usd, by=request.auth)
    return {"entryID": account.pk, "budget_usd": amounts.number(account.budget), "locked": account.human_locked}


@router.post(
    "/budget/entries/{entryID}/lock",
    response=responses(schemas.LockedOut),
    operation_id="agent.orchestration.budgetLock",
    tags=["budget"],
)
def lock(request: Request, workspaceID: Path[str], entryID: str) -> Any:
    """Toggle the human lock of an entry's budget."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    account = caps.toggle_lock(queries.account_for(workspace.pk, entryID), by=request.auth)
    return {"entryID": account.pk, "locked": account.human_locked}


def _tags(if_none_match: str) -> list[str]:
    """The caller's tags. A proxy that compressed a response may have made them weak; they still name the same version."""
    return [tag.removeprefix("W/") for tag in parse_etags(if_none_match)]
