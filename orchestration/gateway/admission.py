"""On whose money a request goes. It is sent at once where its reservation covers its bound; else its reservation grows; else it waits in silence
while others may give money back; else its output limit is lowered; else it is refused.

Who waits is served in the plan's order: entries with rounds first, then by priority, then by age.
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
ASK_S = 2.0
"""Sessions behind the first in line are asked to end so often, at most: others may have begun meanwhile."""
TAKEN_OVER = "another gateway took this process for lost"
RefusedBy = GatewayRequest.RefusedBy
REFUSED = {
    RefusedBy.MONEY: "there is no money for it",
    RefusedBy.CEILING: "its round may spend no more: round_ceiling_usd in the config",
    RefusedBy.ROLE: "its role may spend no more: round_usd in the config",
}
Order = tuple[int, bool, int, int]


class Unpaid(Exception):
    """There is no money for the request. `ended`: its access is over, so money is not the matter."""

    def __init__(self, *, ended: bool = False) -> None:
        super().__init__()
        self.ended = ended


@dataclass(frozen=True, slots=True)
class Purse:
    """Money that a request may draw on, in micro-USD. `now`: its reservation has that free, or can grow by it. `later`: with what others have reserved, and
    may give back. `among`: those whose money the limit that is short counts."""

    now: int
    later: int
    among: Among


@dataclass
class Waiters:
    """The requests of a workspace that wait in this process."""

    orders: dict[int, Order]
    changed: asyncio.Event

    def is_first(self, number: int) -> bool:
        mine = self.orders[number]
        return all(mine <= other for other in self.orders.values())


_waiting: dict[str, Waiters] = {}
_numbers = iter(range(1, 2**62))


def money_came_back(project_id: str) -> None:
    """A request of this workspace was settled: those that wait look again."""
    if (waiters := _waiting.get(project_id)) is not None:
        waiters.changed.set()


class Place(Protocol):
    """The place of a request among those that its provider is sent (`pacing`)."""

    def take(self, *, by_force: bool = False) -> bool:
        """False: the provider takes no more now."""

    def give_back(self) -> None:
        """It is not sent now."""


async def admit(
    access: GatewayAccess,
    item: Bounded,
    place: Place,
    *,
    gateway: str,
    key: str,
    waiting: int | None,
    patience_s: float,
    tighten: Callable[[], Awaitable[Bounded]],
    lower: Callable[[int], Bounded],
    is_wanted: Callable[[], bool],
) -> tuple[int, Bounded]:
    """Reserve a request's bound, which has a place among those that its provider is sent. Returns its id, and what was reserved. `key`: as `requests.send` has it.
    `waiting`: its row, where it waited for that. `tighten`: the request with a lower bound, where its provider counts the input. `lower`: the request with the output limit that so much money pays, or with
    the lowest one that makes sense, which costs more. `is_wanted`: False once its client is gone. Raises Unpaid, and asyncio.CancelledError where nobody waits any more."""
    try:
        try:
            return await database.run(lambda: requests.send(access, item, gateway=gateway, waiting=waiting, key=key)), item
        except NotCovered as refusal:
            if refusal.by == requests.ENDED:
                raise Unpaid(ended=True) from None
            if refusal.by == requests.LOST:
                raise database.Away(TAKEN_OVER) from None
        place.give_back()
        item = await tighten()
        least = (await database.run(partial(lower, 0))).bound
        wait = partial(requests.wait, access, item, gateway=gateway, reason=requests.FOR_MONEY, key=key, row=waiting, least=least)
        return await _wait(access, item, least, place, await database.run(wait), gateway, patience_s, lower, is_wanted)
    except (database.Away, asyncio.CancelledError):
        give_up(access, item, gateway=gateway, key=key)
        raise


def give_up(access: GatewayAccess, item: Bounded, *, gateway: str, key: str) -> None:
    """End a request that is not sent, once the database is back."""
    reason = "its gateway ended, or the database was away"
    database.later(partial(requests.give_up, access, item, gateway=gateway, key=key, reason=reason, status=503))


async def _wait(
    access: GatewayAccess,
    item: Bounded,
    least: int,
    place: Place,
    row: int,
    gateway: str,
    patience_s: float,
    lower: Callable[[int], Bounded],
    is_wanted: Callable[[], bool],
) -> tuple[int, Bounded]:
    number, project = next(_numbers), access.hold.project_id
    waiters = _waiting.setdefault(project, Waiters({}, asyncio.Event()))
    waiters.orders[number] = await database.run(lambda: _order(access, row))
    until, ask_at = time.monotonic() + patience_s, 0.0
    try:
        while True:
            if not is_wanted():
                await database.run(
                    lambda: requests.refuse(access, item, gateway=gateway, reason="its client has left", status=499, waiting=row)
                )
                raise asyncio.CancelledError
            waiters.changed.clear()
            is_first = waiters.is_first(number)
            if place.take():
                if await database.run(partial(_try, access, item, gateway, row, may_grow=is_first)):
                    return row, item
                place.give_back()
            purse = await database.run(lambda: _purse(access))
            is_whole = purse.later >= item.bound
            required = item.bound if is_whole else least
            if purse.later < required or (not is_whole and purse.now >= least) or time.monotonic() > until:
                place.take(by_force=True)
                return await _last(access, item, gateway, row, lower)
            if is_first and time.monotonic() > ask_at:
                ask_at = time.monotonic() + ASK_S
                await database.run(partial(_make_room, access, required - purse.now, purse.among))
            try:
                await asyncio.wait_for(waiters.changed.wait(), POLL_S if is_first else 4 * POLL_S)
            except TimeoutError:
                pass
    finally:
        waiters.orders.pop(number, None)
        waiters.changed.set()
        if not waiters.orders:
            _waiting.pop(project, None)


async def _last(
    access: GatewayAccess, item: Bounded, gateway: str, row: int, lower: Callable[[int], Bounded]
) -> tuple[int, Bounded]:
    """Send it with a lower output limit, or refuse it."""
    for _ in range(3):
        purse = await database.run(lambda: _purse(access))
        lowered = await database.run(partial(lower, purse.now))
        if lowered.bound > purse.now:
            item = lowered
            break
        if await database.run(partial(_try, access, lowered, gateway, row)):
            return row, lowered
    by = await database.run(lambda: _refused_by(access, item.bound))
    refuse = partial(requests.refuse, access, item, gateway=gateway, reason=REFUSED[by], status=402, waiting=row, by=by)
    if not await database.run(refuse):
        raise database.Away(TAKEN_OVER)
    raise Unpaid


def _try(access: GatewayAccess, item: Bounded, gateway: str, row: int, *, may_grow: bool = True) -> bool:
    """Send a request that waited, after its reservation has grown where it may: the first in line takes what is free. Raises Unpaid where its access is
    over."""
    send = partial(requests.send, access, item, gateway=gateway, waiting=row)
    for attempt in (send, lambda: _send_after_growth(access, item, send)) if may_grow else (send,):
        try:
            attempt()
            return True
        except NotCovered as refusal:
            if refusal.by == requests.ENDED:
                reason = "its session has ended"
                requests.refuse(access, item, gateway=gateway, reason=reason, status=401, waiting=row)
                raise Unpaid(ended=True) from None
            if refusal.by == requests.LOST:
                raise database.Away(TAKEN_OVER) from None
            if refusal.by == requests.ACCESS:
                return False
    return False


def _send_after_growth(access: GatewayAccess, item: Bounded, send: Callable[[], int]) -> None:
    """All or nothing: a reservation that has grown, but not enough, would only take money from others. Raises NotCovered."""
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
    """The session whose reservation may grow; None: it may not."""
    if not access.ceiling:
        return None
    return Session.objects.select_related("entry").filter(pk=access.session_ref).first()


def _purse(access: GatewayAccess) -> Purse:
    """The least of the sums of all limits counts: money that another limit frees is of no use where this one is short."""
    hold = Hold.objects.select_related("account").get(pk=access.hold_id)
    free, at_work = max(hold.free, 0), _in_flight(hold)
    if not access.ceiling or hold.account is None:
        return Purse(min(free, _of_access(access)), free + at_work, "all")
    others = _releasable(hold)
    rooms = _rooms(hold, hold.account)
    most = max(int(access.ceiling - hold.amount), 0)
    growth = max(min(most, *(room.left for room in rooms)), 0)
    later = max(min(most, *(room.left + sum(other.remainder for other in others if room.counts(other)) for room in rooms)), 0)
    among = min(rooms, key=lambda room: room.left).among
    return Purse(min(free + growth, _of_access(access)), free + at_work + later, among)


@dataclass(frozen=True, slots=True)
class Room:
    """The money that a limit still allows to reserve, in micro-USD. `counts`: True for a reservation that counts against it."""

    left: int
    counts: Callable[[Hold], bool]
    among: Among = "all"


def _rooms(hold: Hold, account: Account) -> list[Room]:
    """Every limit on the growth of a reservation. A share of the plan follows its session; a budget that a person set does not."""
    of_limits = [
        Room(status.left, partial(_is_of, status.category))
        for status in limits.statuses(hold.project_id)
        if status.category in (hold.category, "total") and status.left is not None
    ]
    if _is_own(account):
        return [Room(account.headroom, lambda other: other.account_id == account.pk, "entry"), *of_limits]
    share = max(account.headroom, funding.plan(hold.project_id).free)
    return [Room(share, lambda other: other.account is not None and not _is_own(other.account), "shares"), *of_limits]


def _is_of(category: str, other: Hold) -> bool:
    return category in ("total", other.category)


def _is_own(account: Account) -> bool:
    return bool(account.own_budget or account.human_locked)


def _releasable(hold: Hold) -> list[Hold]:
    """Other reservations that may come back. Not those of permits and runs that wait for money themselves: nobody ends them, so that each would wait for the
    other."""
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
    """The limit that a request with this bound would pass: one that no money clears, else money."""
    if _of_access(access) < bound:
        return RefusedBy.ROLE
    if not access.ceiling:
        return RefusedBy.MONEY
    drawn = Hold.objects.values_list("drawn", flat=True).get(pk=access.hold_id)
    return RefusedBy.CEILING if access.ceiling - drawn < bound else RefusedBy.MONEY


def _of_access(access: GatewayAccess) -> int:
    """The money that the access may still spend of its own limit."""
    if access.most is None:
        return 2**62
    used = GatewayAccess.objects.values_list("used", flat=True).get(pk=access.pk)
    return max(int(access.most - used), 0)


def _make_room(access: GatewayAccess, lacks: int, among: Among) -> None:
    """Sessions behind this one in line end for it, where what they give back is enough."""
    if (session := _growing(access)) is not None:
        preemption.make_room(session, lacks=lacks, among=among)


def _order(access: GatewayAccess, row: int) -> Order:
    """Its place in the plan's order. What is no session of an entry comes first: people wait for it, or other sessions."""
    session = Session.objects.select_related("entry").filter(pk=access.session_ref).first()
    if session is None or session.is_run:
        return 0, False, 0, row
    return 1, not session.entry.has_rounds, session.entry.priority, session.entry.seq


def order_of(access: GatewayAccess) -> Order:
    return _order(access, 0)
