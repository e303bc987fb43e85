"""The session calls: a session's state, its log, and reports of its agent with the session's token."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from django.http import StreamingHttpResponse
from ninja import Path, Query, Router

from budget import amounts
from budget.ledger import permits
from budget.models import GatewayRequest
from budget.reads import gateway_requests
from budget.reads.queries import session_spend
from orchestration import configuration, schemas, sessions
from orchestration.configuration import secrets
from orchestration.edge import queries
from orchestration.models import Session
from orchestration.sessions import metering
from orchestration.sessions.doubts import spend_doubts
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.logs import sentences as log_sentences
from workspaces import access
from workspaces.access import Need, Request
from workspaces.errors import Invalid, NotFound
from workspaces.schemas import Cursor, Limit, extra_content, responses
from workspaces.secrets import masking

router = Router(tags=["sessions"])

LogPlace = Annotated[int, Query(ge=0, le=10**15)]


@router.get(
    "/executor/sessions/{sessionID}", response=responses(schemas.SessionOut), operation_id="agent.orchestration.sessionGet"
)
def get_session(request: Request, workspaceID: Path[str], sessionID: str) -> Any:
    """A session, at work or ended."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return _shown(queries.session_for(workspace.pk, sessionID))


@router.get(
    "/executor/sessions/{sessionID}/log",
    response=responses(None),
    operation_id="agent.orchestration.sessionLog",
    openapi_extra=extra_content(**{"text/plain": {"type": "string"}, "application/x-ndjson": {"type": "string"}}),
)
def get_log(
    request: Request,
    workspaceID: Path[str],
    sessionID: str,
    after: LogPlace = 0,
    format: Literal["text", "jsonl"] = "text",
    sentences: bool | None = None,
) -> Any:
    """A session's output after line `after`: as text, or as JSON lines with number, time and stream. `sentences`: an agent's line of JSON as the
    sentence that its page shows."""
    # No default in the document: a generated client sends it where it is asked for alone, since older servers refuse it.
    workspace = access.workspace_for(request.auth, workspaceID)
    return log_response(request, queries.session_for(workspace.pk, sessionID), after, format, sentences=bool(sentences))


def log_response(request: Request, session: Session, after: int, format: str, *, sentences: bool) -> StreamingHttpResponse:
    """The output of a session or a run, as the caller asks for it."""
    as_json = format == "jsonl" or request.headers.get("Accept", "") in ("application/jsonl", "application/x-ndjson")
    kind = "application/x-ndjson" if as_json else "text/plain; charset=utf-8"
    response = StreamingHttpResponse(_lines(session, after, as_json=as_json, sentences=sentences), content_type=kind)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@router.get(
    "/executor/sessions/{sessionID}/requests",
    response=responses(schemas.GatewayRequestsOut),
    operation_id="agent.orchestration.sessionRequests",
)
def get_requests(request: Request, workspaceID: Path[str], sessionID: str, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """The requests of a session or a run that passed the gateway, newest first, also those that wait or were refused."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return _requests_of(queries.session_for(workspace.pk, sessionID, or_run=True).pk, limit, cursor)


@router.get(
    "/budget/permits/{permitID}/requests",
    response=responses(schemas.GatewayRequestsOut),
    operation_id="agent.orchestration.permitRequests",
    tags=["budget"],
)
def get_permit_requests(
    request: Request, workspaceID: Path[str], permitID: Path[str], limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """The requests that were sent with a permit's token, newest first, also those that wait or were refused."""
    workspace = access.workspace_for(request.auth, workspaceID)
    return _requests_of(permits.find(workspace.pk, permitID).session_ref, limit, cursor)


def _requests_of(session_ref: str, limit: int, cursor: str | None) -> dict[str, Any]:
    rows, following = gateway_requests.page(session_ref, limit=limit, cursor=cursor)
    totals = gateway_requests.totals(session_ref)
    return {
        "requests": [_shown_request(row) for row in rows],
        "booked_usd": amounts.number(totals.booked),
        "at_bound_usd": amounts.number(totals.at_bound),
        "unknown_usd": amounts.number(totals.unknown),
        "under_way_usd": amounts.number(totals.under_way),
        "next_cursor": following,
    }


@router.post(
    "/executor/sessions/{sessionID}/usage", response=responses(schemas.UsageOut), operation_id="agent.orchestration.sessionUsage"
)
def post_usage(request: Request, workspaceID: Path[str], sessionID: str, body: schemas.UsageIn) -> Any:
    """What a request of the session's agent cost. With the session's own token; the same `id` counts once."""
    session = _own(request, workspaceID, sessionID)
    if body.cache_write_1h_tokens > body.cache_write_tokens:
        raise Invalid("must be at most cache_write_tokens, which it is a part of", "cache_write_1h_tokens")
    usage = metering.Usage(
        id=body.id,
        cost=body.cost_usd,
        model=body.model or "",
        input_tokens=body.input_tokens,
        output_tokens=body.output_tokens,
        cache_read_tokens=body.cache_read_tokens,
        cache_write_tokens=body.cache_write_tokens,
        cache_write_1h_tokens=body.cache_write_1h_tokens,
    )
    fresh = metering.record(session, usage)
    return {"recorded": fresh, "budget_left_usd": amounts.number(max(metering.left(session), 0))}


@router.post(
    "/executor/sessions/{sessionID}/spend",
    response=responses(schemas.SpendAnswerOut, conflict=True),
    operation_id="agent.orchestration.sessionSpendAnswer",
)
def answer_spend(request: Request, workspaceID: Path[str], sessionID: str, body: schemas.SpendAnswerIn) -> Any:
    """Say whether what a session's agent reported far beyond its reservation is true. If not, it is taken back by a row of the ledger. Its
    entry and its agent go on."""
    workspace = access.workspace_for(request.auth, workspaceID, Need.BUDGET)
    session = queries.session_for(workspace.pk, sessionID)
    corrected = spend_doubts.answer(session, is_true=body.is_true, by=request.auth, reason=body.reason)
    return {"session_id": session.pk, "is_true": body.is_true, "corrected_usd": amounts.number(corrected)}


@router.post(
    "/executor/sessions/{sessionID}/progress", response=responses(schemas.Ok), operation_id="agent.orchestration.sessionProgress"
)
def post_progress(request: Request, workspaceID: Path[str], sessionID: str, body: schemas.ProgressIn) -> Any:
    """One line on what the agent is doing, shown beside its session. With the session's own token."""
    session = _own(request, workspaceID, sessionID)
    config = configuration.load(queries.executor_for(workspaceID).config)
    try:
        with masking.hiding(secrets.mask_for(workspaceID, configuration.envs(config))):
            sessions.write(session, progress=body.text)
    except sessions.Superseded:
        raise NotFound("Worker session not found") from None
    return {"ok": True}


def _own(request: Request, workspace_id: str, session_id: str) -> Session:
    """The session whose token is calling. Raises NotFound for any other one."""
    caller = request.auth
    if not caller.session_ref:
        access.workspace_for(caller, workspace_id)
    mine = caller.token is not None and caller.token.workspace_id == workspace_id
    if caller.session_ref != session_id or not mine:
        raise NotFound("Worker session not found")
    access.granted()
    return queries.session_for(workspace_id, session_id)


def _lines(session: Session, after: int, *, as_json: bool, sentences: bool) -> Iterator[str]:
    for line in log_chunks.read(session, after=after):
        text = log_sentences.text(log_chunks.plain(line.text)) or line.text if sentences else line.text
        if as_json:
            yield json.dumps({"seq": line.seq, "at": line.at, "stream": line.stream, "text": text}) + "\n"
        else:
            yield text + "\n"


def _shown(session: Session) -> dict[str, Any]:
    spend = session_spend(session.pk)
    unknown = {name: None if spend[name] is None else amounts.number(spend[name] or 0) for name in ("reported", "computed")}
    return {
        "id": session.pk,
        "entry_id": session.entry_id,
        "attempt": session.attempt,
        "candidate": session.candidate or None,
        "phase": queries.shown_phase(session),
        "status": queries.shown_status(session),
        "round": session.round_number or None,
        "agent": session.agent,
        "model": session.model or None,
        "choice": _choice(session),
        "host": session.host or None,
        "claimed_at": session.claimed_at,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "exit_code": session.exit_code,
        "stop_reason": session.outcome_message or None,
        "progress": session.progress or None,
        "failure": session.failure or None,
        "waiting_for": session.waiting_for or None,
        "waiting_until": session.waiting_until,
        "unpriced_model": session.unpriced_model or None,
        "meter": session.meter or None,
        "cost_note": session.cost_note or None,
        "anomaly": session.anomaly or None,
        "cost": {
            "booked_usd": amounts.number(spend["amount"] or 0),
            "reported_usd": unknown["reported"],
            "computed_usd": unknown["computed"],
        },
        "tokens": {
            "input": spend["input_tokens"] or 0,
            "output": spend["output_tokens"] or 0,
            "cache_read": spend["cache_read_tokens"] or 0,
            "cache_write": spend["cache_write_tokens"] or 0,
            "cache_write_1h": spend["cache_write_1h_tokens"] or 0,
        },
    }


def _shown_request(row: GatewayRequest) -> dict[str, Any]:
    return {
        "id": row.pk,
        "state": row.state,
        "api": row.api,
        "credential": row.credential or None,
        "model": row.model,
        "answer_model": row.answer_model or None,
        "bound_usd": amounts.number(row.bound),
        "overrun_usd": amounts.number(row.overrun),
        "amount_usd": amounts.number(row.amount),
        "tokens": {
            "input": row.input_tokens,
            "output": row.output_tokens,
            "cache_read": row.cache_read_tokens,
            "cache_write": row.cache_write_tokens,
        },
        "output_limit": row.output_limit or None,
        "is_clamped": row.is_clamped,
        "is_exact": row.is_exact,
        "status": row.status,
        "reason": row.reason or None,
        "created_at": row.created_at,
        "sent_at": row.sent_at,
        "first_byte_at": row.first_byte_at,
        "ended_at": row.ended_at,
    }


def _choice(session: Session) -> dict[str, Any] | None:
    """None: there was no other agent."""
    if not session.choice:
        return None
    considered = [
        {
            "agent": each["agent"],
            "reservation_usd": amounts.number(each["reservation"]),
            "code": each.get("code"),
            "until": each.get("until"),
        }
        for each in session.choice["considered"]
    ]
    return {**session.choice, "effort": session.choice["effort"] or None, "considered": considered}
