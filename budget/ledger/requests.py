"""Requests in the gateway: the worst case is reserved before sending, the provider's count booked once.

Amounts are micro-USD. Triggers keep the reservation's `in_flight` (sql/requests_are_covered.sql).
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Now

from budget.amounts import exact_usd
from budget.ledger import booking
from budget.ledger.prices import VERSION, Tokens
from budget.models import Category, GatewayAccess, GatewayRequest, Hold, LedgerEntry
from budget.models.gateway import key_of
from workspaces.values import frequent, ids
from workspaces.values.frequent import Clock

State = GatewayRequest.State


class NotCovered(Exception):
    """A cap, a budget or a limit refused the bound of a request."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


RESERVATION, ACCESS, ENDED, LOST = "reservation", "access", "ended", "lost"
FOR_MONEY, FOR_PROVIDER = GatewayRequest.FOR_MONEY, GatewayRequest.FOR_PROVIDER
"""Reasons of waiting requests."""
UNPAID = "unpaid"
REFUSED = "refused"
"""The state of an access after a refusal of its newest request by the provider, or by the gateway in its stead."""
_REFUSALS = (401, 402, 403, 429)
BROKEN = "its provider broke off two answers in a minute"
"""The reason of a request refused after these."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A request with its bounds."""

    api: str
    model: str
    bound: int  # the highest possible cost
    credential: str = ""
    output_limit: int = 0
    is_clamped: bool = False
    is_exact: bool = True
    seen: int = 0  # an estimate of the input's cost


@dataclass(frozen=True, slots=True)
class Counted:
    """A provider's final count, or the known part of it."""

    amount: int  # its cost
    tokens: Tokens
    price_version: str
    unknown: str = ""  # the reason of a partial count; empty: it is final
    seen: int = 0  # an estimate for a partial count and the answer's bytes
    most: int | None = None  # the model's highest cost of any request; None: nothing is booked beyond the bound
    status: int | None = None
    first_byte_at: datetime | None = None


class _Sent(NamedTuple):
    """A sent request, with the columns of its charge."""

    id: int
    state: str
    bound: int
    amount: int
    model: str
    session_ref: str
    hold_id: int
    project_id: str
    account_id: str | None
    category: str
    role: str
    round: int | None
    agent: str
    seen: int
    has_ended: bool  # its reservation has

    @property
    def event_key(self) -> str:
        return key_of(self.id, self.role)


def open_access(
    hold: Hold,
    *,
    role: str,
    category: Category,
    upstreams: Mapping[str, Any],
    round_number: int | None = None,
    agent: str = "",
    model: str = "",
    most: int | None = None,
    ceiling: int = 0,
    origin: str = "",
) -> GatewayAccess:
    """Grant a process, or a permit's owner, requests on a reservation. The access is bound to its first address, or to ANYWHERE."""
    return GatewayAccess.objects.create(
        id=ids.access(),
        hold=hold,
        session_ref=hold.session_ref,
        category=category,
        role=role,
        round=round_number,
        agent=agent,
        model=model,
        most=most,
        ceiling=ceiling,
        upstreams=dict(upstreams),
        origin=origin,
    )


def bind_access(access_id: str, origin: str) -> str:
    """Bind an access to an address, unless it is bound. Returns the bound address."""
    rows = GatewayAccess.objects.filter(pk=access_id)
    rows.filter(origin="").update(origin=origin)
    return rows.values_list("origin", flat=True).get()


def end_access(access_id: str) -> None:
    """Revoke an access. Sent requests continue."""
    GatewayAccess.objects.filter(pk=access_id, ended_at__isnull=True).update(ended_at=Now())


def send(access: GatewayAccess, item: Bounded, *, gateway: str, waiting_id: int | None = None, key: str = "") -> int:
    """Reserve a request's bound, before its first byte is sent. Idempotent by its key: the commit may be unknown to the caller. Returns its id. Raises NotCovered."""
    values = _values(item)
    alone = nullcontext() if connection.get_autocommit() else transaction.atomic()
    # One statement needs no transaction of its own.
    try:
        with alone:
            if waiting_id is not None:
                rows = GatewayRequest.objects.filter(pk=waiting_id, gateway=gateway)
                if not rows.filter(state=State.WAITING).update(state=State.SENT, sent_at=Now(), reason="", **values):
                    return _repeated(rows)
                return waiting_id
            return _insert(access, gateway, State.SENT, values, key, sent_at=Clock.NOW)
    except IntegrityError as refusal:
        if _is_of_key(refusal):
            return _repeated(GatewayRequest.objects.filter(key=key))
        raise NotCovered(_by(access, str(refusal))) from None


def wait(
    access: GatewayAccess,
    item: Bounded,
    *,
    gateway: str,
    reason: str,
    key: str = "",
    waiting_id: int | None = None,
    least: int = 0,
) -> int:
    """Record a waiting request, without a reservation, or its new reason. It needs at least `least` micro-USD. Idempotent by its key. Returns its id."""
    if waiting_id is not None:
        GatewayRequest.objects.filter(pk=waiting_id, state=State.WAITING).update(
            reason=reason[:300], least=least, **_values(item)
        )
        return waiting_id
    try:
        with transaction.atomic():
            return _insert(access, gateway, State.WAITING, _values(item), key, reason=reason[:300], least=least)
    except IntegrityError as refusal:
        if not _is_of_key(refusal):
            raise
        return GatewayRequest.objects.get(key=key).pk


def give_up(access: GatewayAccess, item: Bounded, *, gateway: str, key: str, reason: str, status: int) -> None:
    """Use up the key of an unsent request, whether its row was committed, will be, or never is."""
    ended = {"reason": reason[:300], "status": status}
    try:
        with transaction.atomic():
            _insert(access, gateway, State.REFUSED, _values(item), key, **ended, ended_at=Clock.NOW)
    except IntegrityError:
        rows = GatewayRequest.objects.filter(key=key)
        rows.filter(state=State.WAITING).update(state=State.REFUSED, **ended, ended_at=Now())
        for request_id in rows.filter(state__in=(State.SENT, State.UNKNOWN)).values_list("pk", flat=True):
            free(request_id, reason=reason, status=status)


def refuse(
    access: GatewayAccess,
    item: Bounded,
    *,
    gateway: str,
    reason: str,
    status: int,
    waiting_id: int | None = None,
    by: GatewayRequest.RefusedBy | None = None,
) -> bool:
    """Record a refused request, with the bounds of its cheapest form and the refusing limit. False: it no longer waits."""
    ended = {"reason": reason[:300], "status": status, "refused_by": by or ""}
    if waiting_id is None:
        _insert(access, gateway, State.REFUSED, _values(item), "", **ended, ended_at=Clock.NOW)
        return True
    rows = GatewayRequest.objects.filter(pk=waiting_id, state=State.WAITING)
    return rows.update(state=State.REFUSED, **_values(item), **ended, ended_at=Now()) == 1


def free(request_id: int, *, reason: str, status: int | None = None) -> None:
    """Release the bound of a free request: unsent, or refused before any output."""
    settle(request_id, Counted(0, Tokens(""), "", status=status), reason=reason)


def beyond(counted: Counted, bound: int) -> int:
    """The part of a final count beyond the bound, if plausible for the model: a higher count is disputed, not booked."""
    return 0 if counted.unknown else max(min(counted.amount, counted.most or 0) - bound, 0)


def overrunning(project_id: str) -> frozenset[tuple[str, str]]:
    """The credentials and models with counts beyond a bound. Such requests are kept for good."""
    rows = GatewayRequest.objects.filter(hold__project_id=project_id, overrun__gt=0)
    return frozenset(rows.order_by().values_list("credential", "model").distinct())


def settle(request_id: int, counted: Counted, *, reason: str = "") -> bool:
    """Book a request's cost up to its bound, and the excess apart. A free request has a reason. False: it was settled or removed before."""
    with transaction.atomic(savepoint=False):
        sent = _locked(request_id)
        while sent is not None and sent.state in (State.SENT, State.UNKNOWN):
            if counted.unknown and sent.state == State.UNKNOWN:
                return False  # nothing new is known
            amount = min(counted.amount, sent.bound)
            unchanged = {"id": request_id, "state": sent.state, "amount": sent.amount}
            if frequent.update(GatewayRequest, _outcome(sent, amount, counted, reason), where=unchanged):
                _book_outcome(sent, amount, counted)
                if sent.has_ended:
                    booking.release_known(sent.hold_id)
                return True
            sent = _locked(request_id)  # it was read before another transaction committed
        return False


def _outcome(sent: _Sent, amount: int, counted: Counted, reason: str) -> dict[str, Any]:
    tokens = counted.tokens
    return {
        "state": str(State.UNKNOWN if counted.unknown else State.SETTLED),
        "reason": (counted.unknown or _beyond(counted, sent.bound) or reason)[:300],
        "amount": amount,
        "seen": counted.seen or sent.seen,
        "overrun": beyond(counted, sent.bound),
        "answer_model": tokens.model[:200],
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_read_tokens": tokens.cache_read,
        "cache_write_tokens": tokens.cache_write,
        "price_version": counted.price_version,
        "status": counted.status,
        "first_byte_at": counted.first_byte_at,
        "ended_at": Clock.NOW,
    }


def _book_outcome(sent: _Sent, amount: int, counted: Counted) -> None:
    tokens = counted.tokens
    if overrun := beyond(counted, sent.bound):
        key, reason = f"{sent.event_key}:overrun", _beyond(counted, sent.bound)
        _book(sent, key, overrun, Tokens(tokens.model or sent.model), counted.price_version, reason)
    if sent.state == State.UNKNOWN:
        _correct(sent, amount - sent.amount)
    elif amount or tokens.input or tokens.output:
        _book(sent, sent.event_key, amount, tokens, counted.price_version)


def lose(gateways: Q) -> int:
    """End the requests of dead gateways: waiting ones are refused, sent ones unknown. Returns their number."""
    rows = GatewayRequest.objects.filter(gateways, state__in=GatewayRequest.OPEN)
    waited = rows.filter(state=State.WAITING).update(state=State.REFUSED, reason="its gateway ended", ended_at=Now())
    sent = rows.filter(state=State.SENT).update(state=State.UNKNOWN, reason="its gateway ended", ended_at=Now())
    return waited + sent


def lacked_money(access_id: str) -> bool:
    """True if a request of this access was refused for money."""
    return GatewayRequest.objects.filter(access_id=access_id, state=State.REFUSED, status=402).exists()


def standing(access_id: str) -> str:
    """The state of an access: UNPAID, BROKEN, the reason of a waiting request, REFUSED, or ""."""
    of_it = GatewayRequest.objects.filter(access_id=access_id)
    rows = of_it.filter(Q(state=State.REFUSED, status=402) | Q(state=State.REFUSED, reason=BROKEN) | Q(state=State.WAITING))
    reasons = [UNPAID if status == 402 else reason for status, reason in rows.order_by("pk").values_list("status", "reason")]
    if reasons:
        return next((each for each in (UNPAID, BROKEN) if each in reasons), reasons[0])
    return REFUSED if of_it.order_by("-pk").values_list("status", flat=True).first() in _REFUSALS else ""


def waiting_credentials(project_id: str) -> set[str]:
    """The credentials with requests waiting for their provider."""
    rows = GatewayRequest.objects.filter(hold__project_id=project_id, state=State.WAITING, reason=FOR_PROVIDER)
    return set(rows.values_list("credential", flat=True))


def least_refused(session_ref: str, role: str = "") -> tuple[int, str] | None:
    """The least micro-USD for a session's last refused request, in this role if given, and the refusing limit. A request waiting for money at the session's end
    counts as refused. None: there is none."""
    of_it = GatewayRequest.objects.filter(session_ref=session_ref, **({"access__role": role} if role else {}))
    refused = of_it.filter(Q(state=State.REFUSED, status=402) | Q(state__in=(State.REFUSED, State.WAITING), least__gt=0))
    row = refused.order_by("-pk").values_list("state", "status", "bound", "least", "refused_by").first()
    if row is None:
        return None
    state, status, bound, least, by = row
    is_refused = (state, status) == (State.REFUSED, 402)
    return int(bound if is_refused else least), by or GatewayRequest.RefusedBy.MONEY.value


def was_answered(session_ref: str) -> bool:
    """True if a request of this session was answered, or may have been."""
    may_be = Q(amount__gt=0) | Q(state__in=(State.SENT, State.UNKNOWN))
    return GatewayRequest.objects.filter(may_be, session_ref=session_ref).exists()


def counted_of(access_id: str) -> int | None:
    """The micro-USD of an access by its providers' counts and the price table. None: a request is open or unknown, or has a price of the workspace's own."""
    rows = GatewayRequest.objects.filter(access_id=access_id)
    not_known = Q(state__in=(*GatewayRequest.OPEN, State.UNKNOWN)) | (Q(amount__gt=0) & ~Q(price_version=VERSION))
    sums = rows.aggregate(unsure=Count("pk", filter=not_known), counted=Sum(F("amount") + F("overrun")))
    return None if sums["unsure"] else int(sums["counted"] or 0)


def _locked(request_id: int) -> _Sent | None:
    """Lock a request's reservation, first as everywhere, and read the request; None: it was removed. Raw SQL: it runs after each request of each agent."""
    lock = "FOR NO KEY UPDATE OF h" if connection.features.has_select_for_no_key_update else ""
    with connection.cursor() as cursor:
        cursor.execute(f"{_READ} {lock}", [request_id])
        row = cursor.fetchone()
    return None if row is None else _Sent(*row)


_READ = f"""SELECT r.id, r.state, r.bound, r.amount, r.model, r.session_ref, h.id, h.project_id, h.account_id,
    a.category, a.role, a.round, a.agent, r.seen, h.unknown_since IS NOT NULL
    FROM {GatewayRequest._meta.db_table} r JOIN {Hold._meta.db_table} h ON h.id = r.hold_id
    JOIN {GatewayAccess._meta.db_table} a ON a.id = r.access_id WHERE r.id = %s"""


def _values(item: Bounded) -> dict[str, Any]:
    return {
        "api": item.api,
        "model": item.model[:200],
        "bound": item.bound,
        "credential": item.credential[:200],
        "output_limit": item.output_limit,
        "is_clamped": item.is_clamped,
        "is_exact": item.is_exact,
        "seen": min(item.seen, item.bound),
    }


def _insert(access: GatewayAccess, gateway: str, state: State, values: Mapping[str, Any], key: str, **more: Any) -> int:
    row = {"access_id": access.pk, "hold_id": access.hold_id, "session_ref": access.session_ref, "gateway": gateway}
    return frequent.insert(GatewayRequest, {**row, "state": str(state), "key": key, **values, **more})


def _is_of_key(refusal: IntegrityError) -> bool:
    """True for a violation of the key's uniqueness, by both databases' messages."""
    return "a_request_has_one_row" in str(refusal) or "budget_gatewayrequest.key" in str(refusal)


def _repeated(rows: QuerySet[GatewayRequest]) -> int:
    """The id of a committed request. Raises NotCovered if another gateway has ended it."""
    row = rows.first()
    if row is None or row.state not in (State.SENT, State.UNKNOWN):
        raise NotCovered(LOST)
    return row.pk


def _by(access: GatewayAccess, refusal: str) -> str:
    """The refusing rule, by the database's message."""
    if "access used up" in refusal:
        return ENDED if GatewayAccess.objects.filter(pk=access.pk, ended_at__isnull=False).exists() else ACCESS
    return RESERVATION if Hold.objects.filter(pk=access.hold_id, state=Hold.State.OPEN).exists() else ENDED


def _beyond(counted: Counted, bound: int) -> str:
    if counted.amount <= bound:
        return ""
    overrun = beyond(counted, bound)
    disputed = counted.amount - bound - overrun
    part = f"its provider made {exact_usd(overrun)} more than it was asked for" if overrun else ""
    wild = (
        f"its provider counted {exact_usd(disputed)} more than it can have used: that is disputed, not booked" if disputed else ""
    )
    return "; ".join(filter(None, (part, wild)))


def _book(sent: _Sent, key: str, amount: int, tokens: Tokens, price_version: str, reason: str = "") -> bool:
    item = booking.Charge(
        key,
        amount,
        LedgerEntry.PriceSource.COMPUTED,
        category=Category(sent.category),
        computed=amount,
        price_version=price_version,
        model=tokens.model or sent.model,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        cache_write_1h_tokens=tokens.cache_write_1h,
        reason=reason,
    )
    return booking.book(
        sent.project_id,
        item,
        account_id=sent.account_id,
        hold_id=sent.hold_id,
        session_ref=sent.session_ref,
        round_number=sent.round,
        actor=sent.agent or "agent",
    )


def _correct(sent: _Sent, change: int) -> None:
    """Correct the booked part of an unknown request to its count."""
    if change > 0:
        _book(sent, f"{sent.event_key}:more", change, Tokens(sent.model), "", "its provider counted more")
    rows = LedgerEntry.objects.filter(event_key__in=(f"{sent.event_key}:rest", sent.event_key))
    for row in rows.order_by("-id") if change < 0 else ():
        back = min(-change, int(row.amount))
        if not back:
            break
        booking.adjust(row, -back, reason="its provider counted less", actor="muster", key=f"{row.event_key}:known", at=row.at)
        change += back
