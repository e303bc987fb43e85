"""A shortage of money among sessions at work: one ends where least is lost, so that the first in line can finish."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import transaction
from django.db.models import Max, Q
from django.db.models.functions import Now

from budget.models import Hold, LedgerEntry
from orchestration import configuration
from orchestration.configuration import Config
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Session
from orchestration.sessions import lifecycle, metering, reservations
from orchestration.sessions.ending import Ending
from orchestration.sessions.reservations import GROWING
from workspaces import activity
from workspaces.access import MUSTER

Among = Literal["entry", "shares", "all"]
"""The sessions whose money a limit counts: those of one entry, of entries without a budget of their own, or of the workspace."""
MESSAGE = "Ended so that an entry before it in line can finish: its work is kept, and it continues when there is money"


@dataclass(frozen=True, slots=True)
class AtWork:
    """A session that implements. Micro-USD: `left` of its reservation is not spent, it has spent `drawn`, `lacks` beyond its reservation what it
    may need, and its most expensive request cost `request`."""

    left: int
    drawn: int
    lacks: int
    request: int
    is_ending: bool = False
    in_flight: int = 0

    @property
    def free(self) -> int:
        """The part of `left` that no request of it may need: it comes back for certain."""
        return self.left - self.in_flight


def who_ends(line: Sequence[AtWork], here: int) -> list[int]:
    """Growth was refused to the session at `here` of the line: those behind it that have to end for it, first where least is spent, among
    equals the last. Pure.

    Nobody ends while this one can pay another request: each may be about to finish, and then the money is enough for all. But the first in
    line has to be able to finish: it does not wait until those behind it have less than it lacks."""
    behind = [(n, each) for n, each in enumerate(line) if n > here and each.left > 0]
    going_on = sorted(((n, each) for n, each in behind if not each.is_ending), key=lambda place: (place[1].drawn, -place[0]))
    lacks = sum(each.lacks for each in line[: here + 1]) - sum(each.left for _, each in behind if each.is_ending)
    if lacks <= 0:
        return []
    if here == 0 and sum(each.left for _, each in going_on) < lacks:
        return [n for n, _ in going_on]
    return [] if line[here].left >= max(line[here].request, 1) else [n for n, _ in going_on[:1]]


def who_gives(line: Sequence[AtWork], here: int, lacks: int) -> list[int]:
    """The session at `here` of the line has a request that lacks so much: those behind it that end for it, first where least is spent. None where what all of
    them give back is too little: they would end in vain. Pure."""
    behind = [(n, each) for n, each in enumerate(line) if n > here and each.free > 0]
    lacks -= sum(each.free for _, each in behind if each.is_ending)
    givers = sorted(((n, each) for n, each in behind if not each.is_ending), key=lambda place: (place[1].drawn, -place[0]))
    if sum(each.free for _, each in givers) < lacks:
        return []
    ends = []
    for n, each in givers:
        if lacks <= 0:
            break
        ends.append(n)
        lacks -= each.free
    return ends


def make_room(session: Session, *, lacks: int = 0, among: Among | None = None) -> int:
    """The growth of this session was refused: ask those behind it in line to end that have to. Their work is kept. `lacks`: what its request lacks, in micro-USD,
    where the gateway knows it; `among`: those whose money counts against the limit that is short. Returns what is about to come back, in micro-USD."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=session.workspace_id)
        config = configuration.load(executor.config)
        at_work = sorted(_at_work(session, among), key=_place)
        usual = reservations.usual_cost(session.workspace_id, config)
        requests = _largest_requests(at_work)
        line = [_seen(other, config, usual, requests) for other in at_work]
        here = next((n for n, other in enumerate(at_work) if other.pk == session.pk), None)
        if here is None:  # it has ended meanwhile
            return 0
        ends = who_gives(line, here, lacks) if lacks else who_ends(line, here)
        for n in ends:
            _ask_to_end(at_work[n])
    if ends:
        wake_ups.request_check()
        wake_ups.publish_change(session.workspace_id, "workers", "entries")
    return sum(each.left for n, each in enumerate(line) if n > here and (each.is_ending or n in ends))


def grow(session: Session, config: Config, reservation: Hold) -> bool:
    """Grow the reservation of a session whose agent stopped at the limit given at its start, or make room for that. True: what is left is worth
    another process. One that would soon stop again costs more than it is worth: each one reads the whole conversation."""
    steps = reservations.growth_of(session, config)
    increase = steps.next_step(amount=reservation.amount, drawn=reservation.drawn) if steps else 0
    if increase and not reservations.extend(session, increase):
        make_room(session)
    return metering.left(session) >= max(config.min_round, increase // 2, 1)


def _ask_to_end(session: Session) -> None:
    asked = Session.objects.filter(pk=session.pk, status__in=Session.OPEN, stop_wanted_at__isnull=True)
    if not asked.update(stop_wanted_at=Now(), stop_wanted_by=MUSTER.name, stop_for_good=False):
        return
    event = events.SessionStopRequested(entry=session.owner_id)
    activity.record(session.workspace_id, event, by=MUSTER, object_id=session.pk, reason=MESSAGE)
    if session.status == Session.Status.CLAIMED:
        session.refresh_from_db()
        ending = Ending(Session.Outcome.OUT_OF_MONEY, MESSAGE)
        lifecycle.conclude(session, ending, expected=Session.Status.CLAIMED)


def _at_work(session: Session, among: Among | None = None) -> Iterable[Session]:
    """This session and those whose money it could use: they implement, and have unspent money. Money of a budget that a person set does
    not help an entry without one: it stays that entry's. Where the cap is short, everyone's money helps."""
    others = Session.objects.select_related("entry__account", "hold").filter(
        Q(status=Session.Status.CLAIMED) | Q(status=Session.Status.RUNNING, phase__in=GROWING),
        workspace_id=session.workspace_id,
        hold__isnull=False,
    )
    mine = session.entry.account
    if among is None:
        among = "all" if mine.own_budget or mine.human_locked else "shares"
    if among == "entry":
        others = others.filter(entry=session.entry_id)
    elif among == "shares":
        others = others.filter(entry__account__own_budget=False, entry__account__human_locked=False)
    return [other for other in others if other.pk == session.pk or _remainder(other) > 0]


def _largest_requests(at_work: Sequence[Session]) -> dict[int | None, int]:
    """The most expensive request of each reservation."""
    rows = LedgerEntry.objects.filter(hold_id__in=[session.hold_id for session in at_work])
    return dict(rows.order_by().values("hold_id").annotate(most=Max("amount")).values_list("hold_id", "most"))


def _seen(session: Session, config: Config, usual: int | None, requests: Mapping[int | None, int]) -> AtWork:
    hold, lacks = session.hold, 0
    assert hold is not None
    if steps := reservations.growth(config.with_agent(session.agent_name), first=hold.amount, usual=usual):
        lacks = steps.next_step(amount=hold.amount, drawn=hold.drawn)
    return AtWork(
        left=max(hold.amount - hold.drawn, 0),
        drawn=hold.drawn,
        lacks=lacks,
        request=requests.get(hold.pk, 0),
        is_ending=session.stop_wanted_at is not None,
        in_flight=int(hold.in_flight),
    )


def _remainder(session: Session) -> int:
    return max(session.hold.amount - session.hold.drawn, 0) if session.hold else 0


def _place(session: Session) -> tuple[bool, int, int]:
    """Its place in the executor's line."""
    entry = session.entry
    return not entry.has_rounds, entry.priority, entry.seq
