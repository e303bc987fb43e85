"""Limits of categories and days with the effect of each, warning thresholds, and permits."""

from typing import Annotated, Any

from django.db import transaction
from ninja import Header, Path, Router, Status

from budget import amounts, limits
from budget.ledger import permit_gateway, permits
from budget.limits import LimitStatus, caps, thresholds
from budget.models import Category
from budget.reads import queries
from budget.schemas import limits as schemas
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import responses

router = Router()


@router.get(
    "/budget/limits", response=responses(schemas.LimitsOut), operation_id="agent.orchestration.limitsGet", tags=["budget"]
)
def get(request: Request, workspaceID: Path[str]) -> Any:
    """Every cap there can be, with what is spent and held against it and what stops when it is hit; and the warning thresholds."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return _result(workspace.pk)


@router.put(
    "/budget/limits", response=responses(schemas.LimitsOut), operation_id="agent.orchestration.limitsUpdate", tags=["budget"]
)
def update(request: Request, workspaceID: Path[str], body: schemas.LimitsIn) -> Any:
    """Set caps of categories and of days; null takes one away, and what is not named stays. All or nothing."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    project = queries.project_of(workspace.pk)
    with transaction.atomic():
        for limit in body.limits:
            caps.set_limit(project, limit.category, limit.period, limit.limit_usd, by=request.auth, reason=body.reason)
        if body.thresholds is not None:
            thresholds.replace(workspace.pk, body.thresholds, by=request.auth, reason=body.reason)
    return _result(workspace.pk)


@router.post(
    "/budget/permits",
    response=responses(schemas.PermitOut, status=201),
    operation_id="agent.orchestration.permitsCreate",
    tags=["budget"],
)
def permit(
    request: Request,
    workspaceID: Path[str],
    body: schemas.PermitIn,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Any:
    """Set money aside for what is about to be spent outside Muster. Refused when the cap, a limit or the entry's budget stands against it.
    Where there is a gateway, requests with the permit's token are sent on this money, and booked. The same `Idempotency-Key` counts once.
    """
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    account = queries.account_for(workspace.pk, body.entry_id) if body.entry_id is not None else None
    with transaction.atomic():
        reservation = permits.open_permit(
            queries.project_of(workspace.pk),
            account,
            category=Category(body.category),
            amount=body.amount_usd,
            minutes=body.minutes,
            by=request.auth,
            key=idempotency_key,
        )
        gateway = permit_gateway.open_for(reservation, body.credentials)
    result = {
        "permit_id": reservation.session_ref,
        "category": reservation.category,
        "entry_id": reservation.account_id,
        "amount_usd": amounts.number(reservation.amount),
        "drawn_usd": amounts.number(reservation.drawn),
        "expires_at": reservation.expires_at,
        "gateway_url": None if isinstance(gateway, str) else gateway.url,
        "gateway_token": None if isinstance(gateway, str) else gateway.token,
        "gateway_note": gateway if isinstance(gateway, str) else None,
    }
    return Status(201, result)


@router.delete(
    "/budget/permits/{permitID}",
    response=responses(schemas.PermitClosedOut),
    operation_id="agent.orchestration.permitsDelete",
    tags=["budget"],
)
def give_back(request: Request, workspaceID: Path[str], permitID: Path[str]) -> Any:
    """Give back what is left of a permit. One that has ended already frees nothing."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    freed = permits.close(permits.find(workspace.pk, permitID), by=request.auth)
    return {"permit_id": permitID, "freed_usd": amounts.number(freed)}


def limit_row(status: LimitStatus) -> dict[str, Any]:
    """A limit in the API's shape."""
    return {
        "category": status.category,
        "period": status.period,
        "limit_usd": _usd(status.limit),
        "spent_usd": amounts.number(status.spent),
        "held_usd": amounts.number(status.held),
        "left_usd": _usd(status.left),
        "reached": status.reached,
        "stops": status.stops,
    }


def _result(workspace_id: str) -> dict[str, Any]:
    return {
        "limits": [limit_row(item) for item in limits.statuses(workspace_id)],
        "thresholds": [
            {
                "percent": item.percent,
                "amount_usd": amounts.number(item.amount),
                "fired_at": item.fired_at,
                "spent_usd": _usd(item.spent_then),
            }
            for item in thresholds.for_project(workspace_id)
        ],
    }


def _usd(amount: int | None) -> int | float | None:
    return None if amount is None else amounts.number(amount)
