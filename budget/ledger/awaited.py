"""Reservations of ended sessions on an absent host: it alone knows their spend.

Booked amounts stay. The remainder stays reserved until the host's count (`book_count`), or until a deadline. Then an estimate is charged (`give_up`). A later
count still corrects that, on its own day.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Greatest, Now

from budget.ledger import booking
from budget.models import Hold, LedgerEntry

NO_NAME = "a host without a name"


def keep(hold_id: int, *, host: str, seconds: float) -> bool:
    """Keep an open reservation for the host's count. False: it was settled before."""
    is_open = Hold.objects.filter(pk=hold_id, state=Hold.State.OPEN)
    kept = {
        "state": Hold.State.AWAITING,
        "awaits_host": (host or NO_NAME)[:200],
        "awaits_until": Now() + timedelta(seconds=seconds),
    }
    return is_open.update(**kept) == 1


def of_account(account_id: str) -> int:
    """The awaited micro-USD of an entry: for a host, or for unknown answers (`unknown`)."""
    remaining = Sum(Greatest(F("amount") - F("drawn"), 0))
    return int(Hold.objects.filter(account_id=account_id, state=Hold.State.AWAITING).aggregate(sum=remaining)["sum"] or 0)


def book_count(
    hold_id: int, book: Callable[[datetime | None], object], *, estimate_key: str, at_most: int | None, round_number: int | None
) -> bool:
    """Book the host's count, and release the remainder. False: it was booked before.

    A charged estimate is reversed, and the count booked on its day: daily caps counted it there. `at_most` micro-USD may be missing in the count, and stay
    charged; None: the whole remainder.
    """
    with transaction.atomic():
        if not _locked(hold_id).awaits_host:
            return False
        estimate = LedgerEntry.objects.filter(event_key=estimate_key).first()
        book(estimate.at if estimate else None)
        if estimate is None:
            reason = "its host could not say all of it: an estimate"
            booking.settle(hold_id, remainder_key=estimate_key, at_most=at_most, round_number=round_number, reason=reason)
        else:
            _take_back(estimate, at_most)
        Hold.objects.filter(pk=hold_id).update(awaits_host="")
        return True


def give_up(hold_id: int, *, estimate_key: str, at_most: int | None, round_number: int | None, reason: str) -> bool:
    """Charge an estimate for an absent host: at most so many micro-USD of the remainder, or all. The host's name stays: its count corrects the estimate. False:
    it was counted or given up before."""
    with transaction.atomic():
        hold = _locked(hold_id)
        if hold.state != Hold.State.AWAITING or hold.unknown_since:
            return False
        return booking.settle(hold_id, remainder_key=estimate_key, at_most=at_most, round_number=round_number, reason=reason)


def _locked(hold_id: int) -> Hold:
    return Hold.objects.select_for_update(no_key=True, of=("self",)).get(pk=hold_id)


def _take_back(estimate: LedgerEntry, at_most: int | None) -> None:
    """Reduce an estimate to the possibly missing amount, on its own day. A person may have corrected it already."""
    hold = Hold.objects.get(ledger=estimate)
    corrected = LedgerEntry.objects.filter(corrects=estimate).aggregate(sum=Sum("amount"))["sum"] or 0
    left = int(estimate.amount + corrected)
    missing = max(hold.amount - (hold.drawn - estimate.amount), 0)
    too_much = left - min(left, missing if at_most is None else min(at_most, missing))
    if too_much > 0:
        reason = "its host came back and said what was spent"
        booking.adjust(estimate, -too_much, reason=reason, actor="muster", key=f"{estimate.event_key}:said", at=estimate.at)
