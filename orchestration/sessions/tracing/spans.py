"""The spans of a session, from its rows. Names and attributes follow OpenTelemetry's conventions for generative AI where these have any.

Ids are derived from the session's id: a trace that is sent again is the same trace, and pages know its id without a column.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from budget.amounts import MICRO
from budget.models import GatewayRequest
from budget.reads.queries import session_spend
from orchestration.models import Landing, Round, Session
from orchestration.protocols import PROTOCOLS
from orchestration.sessions.tracing import phase_history

Value = str | int | float | bool
INVOKE = "invoke_agent"
PROVIDERS = {name: protocol.api.telemetry_name or name for name, protocol in PROTOCOLS.items()}
"""The names of the conventions, where the gateway has another one for an API."""
BROKEN = (Session.Outcome.CRASHED, Session.Outcome.TIMED_OUT, Session.Outcome.LOST, Session.Outcome.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Span:
    """`parent_id`: 0 for the root. `error`: why it failed, empty where it did not."""

    trace_id: int
    span_id: int
    parent_id: int
    name: str
    start: datetime
    end: datetime
    attributes: dict[str, Value] = field(default_factory=dict)
    error: str = ""


def trace_id(session_id: str) -> str:
    """32 hexadecimal digits."""
    return hashlib.sha256(f"trace {session_id}".encode()).hexdigest()[:32]


def of_session(session_id: str) -> list[Span]:
    """The root first. Empty: the session has not ended."""
    session = Session.of_any_role.filter(pk=session_id, ended_at__isnull=False).first()
    if session is None or session.ended_at is None:
        return []
    root = _root(session, session.ended_at)
    phases = list(_phases(session, root))
    return [root, *phases, *_checks(session, phases), *_requests(session, root, phases)]


def of_landing(landing_id: int) -> list[Span]:
    """The span from the end of the session to the end of its landing. Empty: the landing has no session, or has not ended."""
    landing = Landing.objects.filter(pk=landing_id, round__isnull=False, ended_at__isnull=False).select_related("round").first()
    if landing is None or landing.round is None or landing.ended_at is None:
        return []
    session_id = landing.round.session_id
    root_id = _span_id(session_id, INVOKE)
    attributes: dict[str, Value] = {"muster.landing.state": landing.state, "muster.commit": landing.commit}
    return [
        Span(
            int(trace_id(session_id), 16),
            _span_id(session_id, f"landing {landing.pk}"),
            root_id,
            "landing",
            landing.queued_at,
            landing.ended_at,
            attributes,
        )
    ]


def _span_id(session_id: str, name: str) -> int:
    return int(hashlib.sha256(f"span {session_id} {name}".encode()).hexdigest()[:16], 16)


def _root(session: Session, end: datetime) -> Span:
    spent = session_spend(session.pk)
    cached, written = spent["cache_read_tokens"] or 0, spent["cache_write_tokens"] or 0
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": INVOKE,
        "gen_ai.agent.name": session.agent,
        "gen_ai.request.model": session.model,
        "gen_ai.conversation.id": session.owner_id,
        "gen_ai.usage.input_tokens": (spent["input_tokens"] or 0) + cached + written,
        "gen_ai.usage.cache_read.input_tokens": cached,
        "gen_ai.usage.cache_creation.input_tokens": written,
        "gen_ai.usage.output_tokens": spent["output_tokens"] or 0,
        "host.name": session.host,
        "muster.session": session.pk,
        "muster.workspace": session.workspace_id,
        "muster.entry": session.entry_id or "",
        "muster.role": session.role,
        "muster.round": session.round_number,
        "muster.attempt": session.attempt,
        "muster.outcome": session.outcome,
        "muster.cost_usd": (spent["amount"] or 0) / MICRO,
    }
    is_broken = session.outcome in BROKEN
    if is_broken:
        attributes["error.type"] = session.failure or session.outcome
    given = {name: value for name, value in attributes.items() if value != ""}
    return Span(
        int(trace_id(session.pk), 16),
        _span_id(session.pk, INVOKE),
        0,
        f"{INVOKE} {session.agent}".strip(),
        session.claimed_at,
        end,
        given,
        session.outcome_message or session.outcome if is_broken else "",
    )


def _phases(session: Session, root: Span) -> Iterator[Span]:
    """`starting` prepares the clone, `implementation` is the agent's time; a wait for the provider is a span `waiting`."""
    for number, phase in enumerate(phase_history.spans(session.phases, root.end)):
        attributes: dict[str, Value] = {"muster.phase": phase.within} if phase.within else {}
        span_id = _span_id(session.pk, f"phase {number}")
        end = max(phase.end or root.end, phase.start)
        yield Span(root.trace_id, span_id, root.span_id, phase.phase, phase.start, end, attributes)


def _checks(session: Session, phases: list[Span]) -> Iterator[Span]:
    """The checks of the round, one after the other from the start of its last verification: only their durations are stored."""
    verification = next((span for span in reversed(phases) if span.name == Session.Phase.VERIFICATION), None)
    round_row = Round.of_any_candidate.filter(session=session).order_by("-number").first()
    if verification is None or round_row is None:
        return
    start = verification.start
    for number, check in enumerate(round_row.checks):
        end = min(start + timedelta(seconds=float(check.get("seconds") or 0)), verification.end)
        name, has_passed = str(check.get("name") or number), bool(check.get("passed"))
        attributes: dict[str, Value] = {"muster.check.passed": has_passed, "muster.check.score": float(check.get("score") or 0)}
        span_id = _span_id(session.pk, f"check {number}")
        yield Span(verification.trace_id, span_id, verification.span_id, f"check {name}", start, end, attributes)
        start = end


def _requests(session: Session, root: Span, phases: list[Span]) -> Iterator[Span]:
    """Each request that its agents sent through the gateway, from the end of its wait to its books."""
    for request in GatewayRequest.objects.filter(session_ref=session.pk, sent_at__isnull=False).order_by("pk"):
        start, end = request.sent_at or request.created_at, request.ended_at or root.end
        parent = next((span for span in reversed(phases) if span.start <= start <= span.end), root)
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": PROVIDERS.get(request.api, request.api),
            "gen_ai.request.model": request.model,
            "gen_ai.request.max_tokens": request.output_limit,
            "gen_ai.response.model": request.answer_model,
            "gen_ai.usage.input_tokens": request.input_tokens + request.cache_read_tokens + request.cache_write_tokens,
            "gen_ai.usage.cache_read.input_tokens": request.cache_read_tokens,
            "gen_ai.usage.cache_creation.input_tokens": request.cache_write_tokens,
            "gen_ai.usage.output_tokens": request.output_tokens,
            "http.response.status_code": request.status or "",
            "muster.request.state": request.state,
            "muster.request.wait_s": max((start - request.created_at).total_seconds(), 0.0),
            "muster.cost_usd": request.amount / MICRO,
        }
        if request.first_byte_at is not None:
            attributes["muster.request.first_byte_s"] = max((request.first_byte_at - start).total_seconds(), 0.0)
        is_broken = request.state == GatewayRequest.State.UNKNOWN or (request.status or 200) >= HTTPStatus.BAD_REQUEST
        if is_broken:
            attributes["error.type"] = request.state if request.state == GatewayRequest.State.UNKNOWN else str(request.status)
        given = {name: value for name, value in attributes.items() if value != ""}
        span_id, name = _span_id(session.pk, f"request {request.pk}"), f"chat {request.model}".strip()
        yield Span(
            root.trace_id, span_id, parent.span_id, name, start, max(end, start), given, request.reason if is_broken else ""
        )
