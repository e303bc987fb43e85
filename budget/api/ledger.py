"""The ledger and the holds over the API, and charges that arrive from outside."""

import csv
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from django.http import StreamingHttpResponse
from ninja import Header, Path, Router, Status

from budget import charges, money, queries, schemas
from budget.models import Category, LedgerEntry
from budget.prices import Tokens
from budget.schemas import Cursor, Limit
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import also, answers

router = Router()


@router.get(
    "/budget/ledger",
    response=answers(schemas.LedgerPage),
    operation_id="agent.orchestration.ledgerList",
    tags=["budget"],
    openapi_extra=also(**{"text/csv": {"type": "string"}}),
)
def ledger_list(
    request: Request,
    workspaceID: Path[str],
    limit: Limit = 100,
    cursor: Cursor = None,
    format: Literal["json", "csv"] = "json",
) -> Any:
    """Every amount, newest first. `format=csv` streams all of it."""
    workspace = access.workspace_for(request.auth, workspaceID)
    if format == "csv":
        return _ledger_csv(workspace.pk)
    rows, following = queries.ledger_page(workspace.pk, limit=limit, cursor=cursor)
    return {"entries": [ledger_row(row) for row in rows], "next_cursor": following}


@router.get("/budget/holds", response=answers(schemas.HoldsOut), operation_id="agent.orchestration.holdsList", tags=["budget"])
def holds(request: Request, workspaceID: Path[str], limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The money set aside for running sessions. `held_usd` is the sum of all, whatever the page."""
    workspace = access.workspace_for(request.auth, workspaceID)
    found, following = queries.holds_page(workspace.pk, limit=limit, cursor=cursor)
    shown = [
        {
            "id": hold.pk,
            "session_id": hold.session_ref,
            "entry_id": hold.account_id,
            "amount_usd": money.number(hold.amount),
            "drawn_usd": money.number(hold.drawn),
            "opened_at": hold.opened_at,
        }
        for hold in found
    ]
    return {"holds": shown, "held_usd": money.number(queries.project_of(workspace.pk).held), "next_cursor": following}


@router.post(
    "/budget/charges",
    response=answers(schemas.LedgerOut, status=201),
    operation_id="agent.orchestration.chargesCreate",
    tags=["budget"],
)
def charge(
    request: Request,
    workspaceID: Path[str],
    body: schemas.ChargeIn,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Any:
    """Book what something outside Muster spent. The same `Idempotency-Key` counts once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    account = queries.account_for(workspace.pk, body.entry_id) if body.entry_id is not None else None
    report = charges.Report(
        category=Category(body.category),
        amount=body.amount_usd,
        tokens=Tokens(body.model or "", body.input_tokens, body.output_tokens, body.cache_read_tokens, body.cache_write_tokens),
        reason=body.reason,
        round_number=body.round,
    )
    row = charges.book(queries.project_of(workspace.pk), account, report, actor=request.auth.name, key=idempotency_key)
    return Status(201, ledger_row(row))


def ledger_row(row: LedgerEntry) -> dict[str, Any]:
    """A ledger row as the API tells it."""
    return {
        "id": row.pk,
        "at": row.at,
        "category": row.category,
        "entry_id": row.account_id,
        "session_id": row.session_ref or None,
        "round": row.round,
        "amount_usd": money.number(row.amount),
        "price_source": row.price_source,
        "model": row.model or None,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cache_read_tokens": row.cache_read_tokens,
        "cache_write_tokens": row.cache_write_tokens,
        "actor": row.actor,
        "reason": row.reason,
    }


class _Echo:
    """What `csv.writer` writes to: gives each line back."""

    def write(self, line: str) -> str:
        return line


def _ledger_csv(workspace_id: str) -> StreamingHttpResponse:
    """All rows, oldest first: raw decimals, ISO times in UTC, cells that a spreadsheet would run made harmless."""
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield writer.writerow(schemas.LedgerOut.model_fields)
        for row in LedgerEntry.objects.filter(project_id=workspace_id).order_by("id").iterator(chunk_size=1000):
            yield writer.writerow([_cell(value) for value in ledger_row(row).values()])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="ledger-{workspace_id}.csv"'
    return response


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
