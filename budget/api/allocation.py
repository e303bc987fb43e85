"""Reallocation of budgets, and the forecast."""

from typing import Any

from ninja import Path, Router

from budget import amounts, schemas
from budget.allocation import reallocation
from budget.forecast import record
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import responses

router = Router()


@router.post(
    "/budget/reallocate",
    response=responses(schemas.ReallocateOut),
    operation_id="agent.orchestration.budgetReallocate",
    tags=["budget"],
)
def reallocate(request: Request, workspaceID: Path[str], body: schemas.ReallocateIn) -> Any:
    """Share out anew what the plan has left, by what each entry's rounds showed. `dry_run` only tells. Locked entries are skipped by name."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    done = reallocation.run(workspace.pk, by=request.auth, dry_run=body.dry_run)
    return {
        "dry_run": body.dry_run,
        "pool_usd": amounts.number(done.pool),
        "unallocated_usd": amounts.number(done.unallocated),
        "changes": [
            {
                "entryID": change.account_id,
                "before_usd": amounts.number(change.before),
                "after_usd": amounts.number(change.after),
                "reason": change.reason,
            }
            for change in done.changes
        ],
        "skipped": [{"entryID": skipped.account_id, "reason": skipped.reason} for skipped in done.skipped],
    }


@router.get(
    "/budget/forecast",
    response=responses(schemas.ForecastOut),
    operation_id="agent.orchestration.budgetForecast",
    tags=["budget"],
)
def forecast(request: Request, workspaceID: Path[str]) -> Any:
    """Spend per active hour, when the cap is reached and what the open backlog will have cost, each with its 10 to 90 % range."""
    workspace = access.workspace_for(request.auth, workspaceID)
    seen = record.current(workspace.pk)
    result = {"enough": seen.enough, "why_not": seen.why_not, "method": seen.method, "paused": seen.paused}
    for name in ("rate", "low_rate", "high_rate", "end_spend", "end_low", "end_high"):
        amount = getattr(seen, name)
        result[f"{name}_usd"] = amounts.number(amount) if seen.enough and amount is not None else None
    return result | {name: getattr(seen, name) for name in ("cap_at", "cap_from", "cap_until")}
