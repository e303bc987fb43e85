"""The money of ended sessions whose host was away at their end (`budget.ledger.awaited`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from budget import amounts
from budget.ledger import awaited
from budget.limits import caps
from budget.models import Category, Hold, LedgerEntry
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Session
from orchestration.sessions import lifecycle, metering
from orchestration.sessions.absent_hosts import estimates
from orchestration.sessions.doubts import spend_doubts
from orchestration.sessions.metering import Usage
from workspaces import activity
from workspaces.access import MUSTER, Caller
from workspaces.values.standing_query import StandingQuery


@dataclass(frozen=True, slots=True)
class Count:
    """A host's report of a session: usage with its category and the name of its process. `is_whole`: nothing can be missing."""

    usages: tuple[tuple[Usage, Category, str], ...]
    is_whole: bool


def silent() -> QuerySet[Session]:
    """Ended sessions whose host has not said yet what they spent, charged by an estimate meanwhile or not."""
    holds = Hold.objects.exclude(awaits_host="")
    rows = Session.of_any_role.filter(hold__in=holds, status=Session.Status.ENDED)
    return rows.select_related("entry__account__project", "entry__workspace", "workspace__executor", "hold")


any_silent = StandingQuery(silent)


def awaiting() -> QuerySet[Session]:
    """Silent ones that no estimate was charged for yet."""
    return silent().filter(hold__state=Hold.State.AWAITING, hold__unknown_since__isnull=True)


def book_count(session: Session, count: Count) -> bool:
    """Book what its host counts, each request once, and release the rest, in one transaction. False: it was said before."""
    priced = [item for item in count.usages if metering.is_priced(item[0])]
    pace = estimates.pace(session)
    at_most = 0 if count.is_whole else _most(priced, pace)
    if session.unpriced_model or len(priced) < len(count.usages):
        at_most = None
    booked: list[Usage] = []

    def book(at: datetime | None) -> None:
        booked.extend(usage for usage, category, name in priced if metering.book(session, usage, category, role=name, at=at))

    key, number = lifecycle.unknown_key(session), session.round_number or None
    host = session.hold.awaits_host if session.hold else ""
    with transaction.atomic():
        if not awaited.book_count(_hold_id(session), book, estimate_key=key, at_most=at_most, round_number=number):
            return False
        spend_doubts.open_if_due(session)
        event = events.HostCounted(host=host, requests=len(booked))
        activity.record(session.workspace_id, event, by=MUSTER, object_id=session.pk)
        caps.announce(session.workspace_id, session.entry_id)
    _publish(session)
    return True


def _most(priced: Iterable[tuple[Usage, Category, str]], pace: estimates.Pace | None) -> int | None:
    """The request that was under way, and whose report was lost with its process."""
    reported = [usage.cost if usage.cost is not None else metering.price(usage) or 0 for usage, _, _ in priced]
    known = [*reported, *([pace.request] if pace else [])]
    return max(known, default=None)


def give_up_overdue() -> int:
    """Charge an estimate for each whose host had its time. Returns how many."""
    overdue = _overdue() if _any_overdue.any() else ()
    return sum(_give_up(session, "its host did not come back in time", by=MUSTER) for session in overdue)


def _overdue() -> QuerySet[Session]:
    return awaiting().filter(hold__awaits_until__lt=Now())


_any_overdue = StandingQuery(_overdue)


def give_up_host(host_id: str, *, by: Caller) -> int:
    """Charge an estimate for each silent session of a host that a person gives up. Returns how many."""
    waiting = awaiting().filter(host_id=host_id)
    return sum(_give_up(session, f"{by.name} gave up its host", by=by) for session in waiting)


def _give_up(session: Session, why: str, *, by: Caller) -> bool:
    pace = None if session.unpriced_model else estimates.pace(session)
    key, number = lifecycle.unknown_key(session), session.round_number or None
    reason = f"{why}: " + ("an estimate by what it spent before" if pace else "its whole reservation, since it reported nothing")
    with transaction.atomic():
        at_most = pace.silent if pace else None
        if not awaited.give_up(_hold_id(session), estimate_key=key, at_most=at_most, round_number=number, reason=reason):
            return False
        charged = sum(LedgerEntry.objects.filter(event_key=key).values_list("amount", flat=True))
        host = session.hold.awaits_host if session.hold else ""
        event = events.HostGivenUp(host=host, amount_usd=amounts.number(charged))
        activity.record(session.workspace_id, event, by=by, object_id=session.pk, reason=why)
        caps.announce(session.workspace_id, session.entry_id)
    _publish(session)
    return True


def _hold_id(session: Session) -> int:
    assert session.hold_id is not None
    return session.hold_id


def _publish(session: Session) -> None:
    def publish() -> None:
        wake_ups.enqueue_cycle(session.workspace_id)
        wake_ups.publish_change(session.workspace_id, "budget", "workers", "entries")

    transaction.on_commit(publish)
