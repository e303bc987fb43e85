"""When money runs out among sessions at work, the one that stands last in line ends first, so that the first in line can finish."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from orchestration import configuration, events
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Session
from orchestration.sessions import lifecycle, reservations
from orchestration.sessions.reservations import GROWING
from workspaces import activity
from workspaces.access import MUSTER

MESSAGE = "Ended so that an entry before it in line can finish: its work is kept, and it continues when there is money"


def make_room(session: Session) -> bool:
    """The growth of this session was refused: ask the last session behind it in line to end, if what those that end already give back is
    not enough for the sessions before. Its work is kept. False: no session behind it has money that it could use."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=session.workspace_id)
        config = configuration.load(executor.config)
        at_work = sorted(_at_work(session), key=_place)
        here = _place(session)
        behind = [other for other in at_work if _place(other) > here]
        usual = reservations.usual_cost(session.workspace_id, config)
        needed = sum(_needs(other, config, usual) for other in at_work if _place(other) <= here)
        if needed <= sum(_remainder(other) for other in behind if other.stop_wanted_at):
            return True
        going_on = [other for other in behind if other.stop_wanted_at is None]
        if going_on:
            _ask_to_end(going_on[-1])
    if going_on:
        wake_ups.request_check()
        wake_ups.publish_change(session.workspace_id, "workers", "entries")
    return bool(behind)


def _ask_to_end(session: Session) -> None:
    asked = Session.objects.filter(pk=session.pk, status__in=Session.OPEN, stop_wanted_at__isnull=True)
    if not asked.update(stop_wanted_at=Now(), stop_wanted_by=MUSTER.name, stop_for_good=False):
        return
    event = events.SessionStopRequested(entry=session.owner_id)
    activity.record(session.workspace_id, event, by=MUSTER, object_id=session.pk, reason=MESSAGE)
    if session.status == Session.Status.CLAIMED:
        session.refresh_from_db()
        ending = lifecycle.Ending(Session.Outcome.OUT_OF_MONEY, MESSAGE)
        lifecycle.conclude(session, ending, expected=Session.Status.CLAIMED)


def _at_work(session: Session) -> Iterable[Session]:
    """This session and those whose money it could use: they implement, and have unspent money. Money of a budget that a person set does
    not help an entry without one: it stays that entry's."""
    others = Session.objects.select_related("entry__account", "hold").filter(
        Q(status=Session.Status.CLAIMED) | Q(status=Session.Status.RUNNING, phase__in=GROWING),
        workspace_id=session.workspace_id,
        hold__isnull=False,
    )
    mine = session.entry.account
    if not mine.own_budget and not mine.human_locked:
        others = others.filter(entry__account__own_budget=False, entry__account__human_locked=False)
    return [other for other in others if other.pk == session.pk or _remainder(other) > 0]


def _needs(session: Session, config: configuration.Config, usual: int | None) -> int:
    if session.hold is None:
        return 0
    steps = reservations.growth(config, first=session.hold.amount, usual=usual)
    return steps.next_step(amount=session.hold.amount, drawn=session.hold.drawn) if steps else 0


def _remainder(session: Session) -> int:
    return max(session.hold.amount - session.hold.drawn, 0) if session.hold else 0


def _place(session: Session) -> tuple[bool, int, int]:
    """In the executor's line."""
    entry = session.entry
    return not entry.has_rounds, entry.priority, entry.seq
