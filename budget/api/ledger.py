"""The ledger and its reservations over the API, charges from outside, corrections, and reconciliation with a provider's own count."""

from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from ninja import Header, Path, Query, Router, Status

from budget import amounts, limits, schemas
from budget.api.limits import limit_row
from budget.ledger import charges, corrections, export, permits, reconciliation, unknown
from budget.ledger.prices import Tokens
from budget.models import Account, Category, Hold, LedgerEntry
from budget.reads import queries
from budget.schemas import Day
from budget.schemas import limits as limit_schemas
from workspaces import access
from workspaces.access import Need, Request
from workspaces.schemas import Cursor, Limit, extra_content, responses

router = Router()


@router.get(
    "/budget/ledger",
    response=responses(schemas.LedgerPage),
    operation_id="agent.orchestration.ledgerList",
    tags=["budget"],
    openapi_extra=extra_content(**{"text/csv": {"type": "string"}}),
)
def ledger_list(
    request: Request,
    workspaceID: Path[str],
    limit: Limit = 100,
    cursor: Cursor = None,
    format: Literal["json", "csv"] = "json",
    category: Category | None = None,
    entry_id: Annotated[str | None, Query(max_length=60)] = None,
    since: Annotated[Day | None, Query(alias="from")] = None,
    until: Annotated[Day | None, Query(alias="to")] = None,
) -> Any:
    """Every amount, newest first; of a category, an entry, or the UTC days `from` to `to` (both included). `format=csv` streams all of it."""
    workspace = access.workspace_for(request.auth, workspaceID)
    chosen = queries.ledger_rows(workspace.pk, category=category, entry_id=entry_id, since=since, until=until)
    if format == "csv":
        return _ledger_csv(workspace.pk, chosen)
    rows, following = queries.ledger_page(chosen, limit=limit, cursor=cursor)
    return {"entries": [export.row(row) for row in rows], "next_cursor": following}


def _awaiting(hold: Hold) -> dict[str, Any]:
    if hold.state != Hold.State.AWAITING:
        return {}
    if hold.unknown_since:
        return {"state": hold.state, "unknown_since": hold.unknown_since}
    return {"state": hold.state, "awaits_host": hold.awaits_host, "awaits_until": hold.awaits_until}


@router.get(
    "/budget/holds",
    response=responses(schemas.HoldsOut),
    exclude_unset=True,
    operation_id="agent.orchestration.holdsList",
    tags=["budget"],
)
def holds(request: Request, workspaceID: Path[str], limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The money set aside for running sessions, by permits, and for ended ones whose host is away, or with requests whose answer is not known. `held_usd` is the
    sum of all, whatever the page; `unknown_usd`: what such requests may have cost beyond what is booked, also those of sessions at work."""
    workspace = access.workspace_for(request.auth, workspaceID)
    rows, following = queries.holds_page(workspace.pk, limit=limit, cursor=cursor)
    shown = [
        {
            "id": hold.pk,
            "session_id": None if hold.expires_at else hold.session_ref,
            "entry_id": hold.account_id,
            "amount_usd": amounts.number(hold.amount),
            "drawn_usd": amounts.number(hold.drawn),
            "opened_at": hold.opened_at,
            "category": hold.category,
            "permit_id": hold.session_ref if hold.expires_at else None,
            "expires_at": hold.expires_at,
        }
        | _awaiting(hold)
        for hold in rows
    ]
    sums = {"held_usd": queries.project_of(workspace.pk).held, "unknown_usd": unknown.of_project(workspace.pk)}
    return {"holds": shown, **{name: amounts.number(sum_) for name, sum_ in sums.items()}, "next_cursor": following}


@router.post(
    "/budget/unknown/settle",
    response=responses(schemas.UnknownSettledOut),
    operation_id="agent.orchestration.unknownSettle",
    tags=["budget"],
)
def settle_unknown(request: Request, workspaceID: Path[str], body: schemas.UnknownSettleIn) -> Any:
    """Book the requests of ended sessions and permits whose answer is not known at what was seen of them, and release the rest, without waiting for
    `unknown_after_h`. Again: nothing is left to settle, and all is 0."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    done = unknown.settle_all(workspace.pk, by=request.auth, reason=body.reason)
    return {"requests": done.requests, "booked_usd": amounts.number(done.booked), "freed_usd": amounts.number(done.freed)}


@router.post(
    "/budget/charges",
    response=responses(limit_schemas.ChargeOut, status=201),
    operation_id="agent.orchestration.chargesCreate",
    tags=["budget"],
)
def charge(
    request: Request,
    workspaceID: Path[str],
    body: schemas.ChargeIn,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Any:
    """Book what something outside Muster spent, and draw its permit down. The same `Idempotency-Key` counts once.

    It is spent already, so it is booked whatever a limit says; `limit` in the answer tells how its tightest limit stands.
    """
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    permit = permits.find(workspace.pk, body.permit_id) if body.permit_id is not None else None
    account = _charged(workspace.pk, body.entry_id, permit)
    report = charges.Report(
        category=Category(body.category),
        amount=body.amount_usd,
        tokens=Tokens(
            body.model or "",
            body.input_tokens,
            body.output_tokens,
            body.cache_read_tokens,
            body.cache_write_tokens,
            body.cache_write_1h_tokens,
        ),
        reason=body.reason,
        round_number=body.round,
    )
    project = queries.project_of(workspace.pk)
    row = charges.book(project, account, report, actor=request.auth.name, key=idempotency_key, permit=permit)
    tight = limits.tightest(workspace.pk, row.category)
    return Status(201, export.row(row) | {"limit": limit_row(tight) if tight else None})


@router.post(
    "/budget/ledger/{ledgerID}/adjustments",
    response=responses(schemas.LedgerOut, status=201),
    operation_id="agent.orchestration.adjustmentsCreate",
    tags=["budget"],
)
def adjust(
    request: Request,
    workspaceID: Path[str],
    ledgerID: Path[str],
    body: schemas.AdjustmentIn,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Any:
    """Correct a booked amount by another row beside it; negative is a refund. The same `Idempotency-Key` counts once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    row = queries.ledger_entry(workspace.pk, ledgerID)
    correction = corrections.correct_once(row, body.amount_usd, by=request.auth, reason=body.reason, key=idempotency_key)
    return Status(201, export.row(correction))


@router.post(
    "/budget/reconciliations",
    response=responses(schemas.ReconciliationOut, status=201),
    operation_id="agent.orchestration.reconciliationsCreate",
    tags=["budget"],
)
def reconcile(request: Request, workspaceID: Path[str], body: schemas.ReconciliationIn) -> Any:
    """Compare a provider's CSV with the ledger, by day and model. Books the differences only with `apply`, and each once."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    reported = reconciliation.read(
        body.csv, provider=body.provider, columns={str(ours): theirs for ours, theirs in (body.columns or {}).items()}
    )
    lines = reconciliation.compare(workspace.pk, reported)
    booked = reconciliation.apply(workspace.pk, reported, provider=body.provider, by=request.auth) if body.apply else []
    return Status(201, {"lines": [reconciliation.as_dict(line) for line in lines], "booked": len(booked)})


def _charged(workspace_id: str, entry_id: str | None, permit: Hold | None) -> Account | None:
    """The account of the entry that a charge names. That of the permit counts also after its entry was deleted: the money is spent. Raises
    NotFound."""
    if permit is not None and entry_id is not None and permit.account_id == entry_id:
        return permit.account
    return queries.account_for(workspace_id, entry_id) if entry_id is not None else None


def _ledger_csv(workspace_id: str, rows: QuerySet[LedgerEntry]) -> StreamingHttpResponse:
    """All rows, oldest first."""
    lines = export.csv_lines(rows.order_by("id").iterator(chunk_size=1000))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="ledger-{workspace_id}.csv"'
    return response
