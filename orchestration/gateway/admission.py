"""Admission: reserve, grow, wait, lower the output limit, or refuse.

A request waits in silence while others may give money back. Waiters are served in the plan's order: entries with rounds first, then by priority, then by age.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from django.db import transaction
from django.db.models import Sum

from budget import limits
from budget.ledger import requests
from budget.ledger.requests import Bounded, NotCovered
from budget.models import Account, GatewayAccess, GatewayRequest, Hold
from orchestration import funding
from orchestration.gateway import database
from orchestration.models import Session
from orchestration.sessions import preemption, reservations
from orchestration.sessions.preemption import Among

POLL_S = 0.5
PREEMPT_EVERY_S = 2.0
"""Time between two preemptions for the first in line: other sessions may have begun meanwhile."""
TAKEN_OVER = "another gateway took this process for lost"
RefusedBy = GatewayRequest.RefusedBy
REFUSED = {
    RefusedBy.MONEY: "there is no money for it",
    RefusedBy.CEILING: "its round may spend no more: round_ceiling_usd in the config",
    RefusedBy.ROLE: "its role may spend no more: round_usd in the config",
}
Order = tuple[int, bool, int, int]  # 1: of an entry's session; has no rounds; priority; number


class Unpaid(Exception):
    """There is no money for the request, or its access has ended."""

    def __init__(self, *, access_ended: bool = False) -> None:
        super().__init__()
        self.access_ended = access_ended


@dataclass(frozen=True, slots=True)
class Funds:
    """The money for a request, in micro-USD."""

    now: int  # free in its reservation, or its growth
    later: int  # with the reservations that others may give back
    among: Among  # the reservations under the tightest limit


@dataclass
class Waiters:
    """The waiting requests of a workspace in this process."""

    orders: dict[int, Order]
    changed: asyncio.Event

    def is_first(self, number: int) -> bool:
        mine = self.orders[number]
        return all(mine <= other for other in self.orders.values())


_waiting: dict[str, Waiters] = {}
_numbers = iter(range(1, 2**62))


def wake_waiters(project_id: str) -> None:
    """Wake the waiting requests of a workspace: one of its requests was settled."""
    if (waiters := _waiting.get(project_id)) is not None:
        waiters.changed.set()


class Slot(Protocol):
    """A request's slot under its provider's rate limit (`pacing`)."""

    def take(self, *, force: bool = False) -> bool:
        """False: the rate limit is reached."""

    def give_back(self) -> None:
        """Give the slot back: nothing was sent."""


async def admit(
    access: GatewayAccess,
    item: Bounded,
    slot: Slot,
    *,
    gateway: str,
    key: str,
    waiting: int | None,
    patience_s: float,
    tighten: Callable[[], Awaitable[Bounded]],
    lower: Callable[[int], Bounded],
    is_connected: Callable[[], bool],
) -> tuple[int, Bounded]:
    """Reserve the bound of a request that has a slot. Returns its row and the reserved bounds. Raises Unpaid, and asyncio.CancelledError once the client has left.

    waiting: the row of its wait for the slot
    tighten: the bound by the provider's own count of the input
    lower: the bound with the output limit that this money pays, or with the lowest useful one, which may cost more
    """
    try:
        try:
            return await database.run(lambda: requests.send(access, item, gateway=gateway, waiting_id=waiting, key=key)), item
        except NotCovered as refusal:
            if refusal.by == requests.ENDED:
                raise Unpaid(access_ended=True) from None
            if refusal.by == requests.LOST:
                raise database.Unavailable(TAKEN_OVER) from None
        slot.give_back()  # a request that waits for money uses nothing of the rate limit
        item = await tighten()
        least = (await database.run(partial(lower, 0))).bound
        wait = partial(
            requests.wait, access, item, gateway=gateway, reason=requests.FOR_MONEY, key=key, waiting_id=waiting, least=least
        )
        return await _wait(access, item, least, slot, await database.run(wait), gateway, patience_s, lower, is_connected)
    except (database.Unavailable, asyncio.CancelledError):
        give_up(access, item, gateway=gateway, key=key)
        raise


def give_up(access: GatewayAccess, item: Bounded, *, gateway: str, key: str) -> None:
    """End an unsent request, once the database is back."""
    reason = "its gateway ended, or the database was away"
    database.defer(partial(requests.give_up, access, item, gateway=gateway, key=key, reason=reason, status=503))


async def _wait(
    access: GatewayAccess,
    item: Bounded,
    least: int,
    slot: Slot,
    row: int,
    gateway: str,
    patience_s: float,
    lower: Callable[[int], Bounded],
    is_connected: Callable[[], bool],
) -> tuple[int, Bounded]:
    number, project = next(_numbers), access.hold.project_id
    waiters = _waiting.setdefault(project, Waiters({}, asyncio.Event()))
    waiters.orders[number] = await database.run(lambda: _order(access, row))
    until, preempt_at = time.monotonic() + patience_s, 0.0
    try:
        while True:
            if not is_connected():
                refuse = partial(requests.refuse, access, item, gateway=gateway, reason="its client has left", status=499)
                await database.run(partial(refuse, waiting_id=row))
                raise asyncio.CancelledError
            waiters.changed.clear()
            is_first = waiters.is_first(number)
            if slot.take():
                if await database.run(partial(_try_send, access, item, gateway, row, may_grow=is_first)):
                    return row, item
                slot.give_back()
            funds = await database.run(lambda: _funds(access))
            is_whole = funds.later >= item.bound
            required = item.bound if is_whole else least
            if funds.later < required or (not is_whole and funds.now >= least) or time.monotonic() > until:
                slot.take(force=True)
                return await _lower_or_refuse(access, item, gateway, row, lower)
            if is_first and time.monotonic() > preempt_at:
                preempt_at = time.monotonic() + PREEMPT_EVERY_S
                await database.run(partial(_make_room, access, required - funds.now, funds.among))
            try:
                await asyncio.wait_for(waiters.changed.wait(), POLL_S if is_first else 4 * POLL_S)
            except TimeoutError:
                pass
    finally:
        waiters.orders.pop(number, None)
        waiters.changed.set()
        if not waiters.orders:
            _waiting.pop(project, None)


async def _lower_or_refuse(
    access: GatewayAccess, item: Bounded, gateway: str, row: int, lower: Callable[[int], Bounded]
) -> tuple[int, Bounded]:
    """Send a request with a lower output limit, or refuse it."""
    for _ in range(3):
        funds = await database.run(lambda: _funds(access))
        lowered = await database.run(partial(lower, funds.now))
        if lowered.bound > funds.now:
            item = lowered
            break
        if await database.run(partial(_try_send, access, lowered, gateway, row)):
            return row, lowered
    by = await database.run(lambda: _refused_by(access, item.bound))
    refuse = partial(requests.refuse, access, item, gateway=gateway, reason=REFUSED[by], status=402, waiting_id=row, by=by)
    if not await database.run(refuse):
        raise database.Unavailable(TAKEN_OVER)
    raise Unpaid


def _try_send(access: GatewayAccess, item: Bounded, gateway: str, row: int, *, may_grow: bool = True) -> bool:
    """Send a request that waited, if need be after its reservation has grown. Raises Unpaid where its access has ended."""
    send = partial(requests.send, access, item, gateway=gateway, waiting_id=row)
    for attempt in (send, lambda: _send_after_growth(access, item, send)) if may_grow else (send,):
        try:
            attempt()
            return True
        except NotCovered as refusal:
            if refusal.by == requests.ENDED:
                reason = "its session has ended"
                requests.refuse(access, item, gateway=gateway, reason=reason, status=401, waiting_id=row)
                raise Unpaid(access_ended=True) from None
            if refusal.by == requests.LOST:
                raise database.Unavailable(TAKEN_OVER) from None
            if refusal.by == requests.ACCESS:
                return False
    return False


def _send_after_growth(access: GatewayAccess, item: Bounded, send: Callable[[], int]) -> None:
    """Grow and send in one transaction: growth that is too small would only take money from others. Raises NotCovered."""
    session = _growing(access)
    if session is None:
        raise NotCovered(requests.RESERVATION)
    with transaction.atomic():
        hold = Hold.objects.select_for_update(no_key=True, of=("self",)).get(pk=access.hold_id)
        lacks = item.bound - hold.free
        if hold.amount + lacks > access.ceiling or (lacks > 0 and reservations.extend(session, lacks) < lacks):
            raise NotCovered(requests.RESERVATION)
        send()


def _growing(access: GatewayAccess) -> Session | None:
    """The session of a reservation that may grow; None: it may not."""
    if not access.ceiling:
        return None
    return Session.objects.select_related("entry").filter(pk=access.session_ref).first()


def _funds(access: GatewayAccess) -> Funds:
    """The money under the tightest limit: what another one frees does not help."""
    hold = Hold.objects.select_related("account").get(pk=access.hold_id)
    free, at_work = max(hold.free, 0), _in_flight(hold)
    if not access.ceiling or hold.account is None:
        return Funds(min(free, _left_of_access(access)), free + at_work, "all")
    others = _releasable(hold)
    headrooms = _headrooms(hold, hold.account)
    most = max(int(access.ceiling - hold.amount), 0)
    growth = max(min(most, *(headroom.left for headroom in headrooms)), 0)
    later = max(min(most, *(each.left + sum(other.remainder for other in others if each.counts(other)) for each in headrooms)), 0)
    among = min(headrooms, key=lambda headroom: headroom.left).among
    return Funds(min(free + growth, _left_of_access(access)), free + at_work + later, among)


@dataclass(frozen=True, slots=True)
class Headroom:
    """The headroom of one limit, in micro-USD."""

    left: int
    counts: Callable[[Hold], bool]  # a reservation against it
    among: Among = "all"


def _headrooms(hold: Hold, account: Account) -> list[Headroom]:
    """The headroom of every limit on a reservation's growth. A share of the plan follows its session; a person's budget does not."""
    of_limits = [
        Headroom(status.left, partial(_counts_for, status.category))
        for status in limits.statuses(hold.project_id)
        if status.category in (hold.category, "total") and status.left is not None
    ]
    if _is_own(account):
        return [Headroom(account.headroom, lambda other: other.account_id == account.pk, "entry"), *of_limits]
    share = max(account.headroom, funding.plan(hold.project_id).free)
    return [Headroom(share, lambda other: other.account is not None and not _is_own(other.account), "shares"), *of_limits]


def _counts_for(category: str, other: Hold) -> bool:
    return category in ("total", other.category)


def _is_own(account: Account) -> bool:
    return bool(account.own_budget or account.human_locked)


def _releasable(hold: Hold) -> list[Hold]:
    """The reservations of others that may come back. Permits and runs that wait for money are left out: none is preempted, so each would wait for the other."""
    can_end = Session.objects.filter(status__in=Session.OPEN, phase__in=reservations.GROWING, entry__isnull=False)
    waiting = GatewayRequest.objects.filter(
        hold__project_id=hold.project_id, state=GatewayRequest.State.WAITING, reason=requests.FOR_MONEY
    ).exclude(session_ref__in=can_end.values("pk"))
    others = Hold.objects.select_related("account").filter(project_id=hold.project_id, state=Hold.State.OPEN)
    rows = others.exclude(pk=hold.pk).exclude(pk__in=waiting.values("hold_id"))
    return [other for other in rows if other.remainder > 0]


def _in_flight(hold: Hold) -> int:
    sent = GatewayRequest.objects.filter(hold=hold, state=GatewayRequest.State.SENT)
    return int(sent.aggregate(sum=Sum("bound"))["sum"] or 0)


def _refused_by(access: GatewayAccess, bound: int) -> RefusedBy:
    """The limit that this bound exceeds: one that no money clears, else money."""
    if _left_of_access(access) < bound:
        return RefusedBy.ROLE
    if not access.ceiling:
        return RefusedBy.MONEY
    drawn = Hold.objects.values_list("drawn", flat=True).get(pk=access.hold_id)
    return RefusedBy.CEILING if access.ceiling - drawn < bound else RefusedBy.MONEY


def _left_of_access(access: GatewayAccess) -> int:
    """The money left under the access's own limit."""
    if access.most is None:
        return 2**62
    used = GatewayAccess.objects.values_list("used", flat=True).get(pk=access.pk)
    return max(int(access.most - used), 0)


def _make_room(access: GatewayAccess, lacks: int, among: Among) -> None:
    """Preempt sessions behind this one in line, where they give back enough."""
    if (session := _growing(access)) is not None:
        preemption.make_room(session, lacks=lacks, among=among)


def _order(access: GatewayAccess, row: int) -> Order:
    """A request's place in the plan's order. Permits and runs come first: people or other sessions wait for them."""
    session = Session.objects.select_related("entry").filter(pk=access.session_ref).first()
    if session is None or session.is_run:
        return 0, False, 0, row
    return 1, not session.entry.has_rounds, session.entry.priority, session.entry.seq


def order_of(access: GatewayAccess) -> Order:
    return _order(access, 0)
