"""Who changed which budget."""

from typing import Any

from ninja import Path, Router

from budget import amounts, schemas
from budget.models import BudgetChange
from budget.reads import queries
from workspaces import access
from workspaces.access import Request
from workspaces.schemas import Cursor, Limit, responses

router = Router()


@router.get(
    "/budget/changes", response=responses(schemas.ChangesOut), operation_id="agent.orchestration.changesList", tags=["budget"]
)
def changes(request: Request, workspaceID: Path[str], limit: Limit = 100, cursor: Cursor = None) -> Any:
    """Who changed which budget or cap, from what to what, and why."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows, following = queries.changes_page(workspace.pk, limit=limit, cursor=cursor)
    return {"changes": [_change(row) for row in rows], "next_cursor": following}


def _change(row: BudgetChange) -> dict[str, Any]:
    is_flag = row.field == "human_locked"
    return {
        "id": row.pk,
        "at": row.at,
        "entry_id": row.account_id,
        "field": row.field if is_flag else f"{row.field}_usd",
        "before": _value(row.before, is_flag=is_flag),
        "after": _value(row.after, is_flag=is_flag),
        "source": row.source,
        "actor": row.actor,
        "reason": row.reason,
    }


def _value(value: int | None, *, is_flag: bool) -> Any:
    """None: no limit."""
    if value is None:
        return None
    return bool(value) if is_flag else amounts.number(value)
