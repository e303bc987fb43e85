"""Reservations of ended sessions whose host is away: it alone knows what they spent.

What was booked is charged. The rest stays reserved until the host has said what else was spent (`book_count`), or until its time is over: then an
estimate is charged (`give_up`), which the host's own count still corrects, on the day of the estimate.
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
    """Keep the rest of an open reservation for the host's count. False: it was settled before."""
    is_open = Hold.objects.filter(pk=hold_id, state=Hold.State.OPEN)
    kept = {
        "state": Hold.State.AWAITING,
        "awaits_host": (host or NO_NAME)[:200],
        "awaits_until": Now() + timedelta(seconds=seconds),
    }
    return is_open.update(**kept) == 1


def of_account(account_id: str) -> int:
    """Micro-USD of an entry that await a host, or answers that are not known (`unknown`)."""
    remaining = Sum(Greatest(F("amount") - F("drawn"), 0))
    return int(Hold.objects.filter(account_id=account_id, state=Hold.State.AWAITING).aggregate(sum=remaining)["sum"] or 0)


def book_count(
    hold_id: int, book: Callable[[datetime | None], object], *, key: str, at_most: int | None, round_number: int | None
) -> bool:
    """Book what the host says, by `book`, and release the rest. False: it has said so before, and nothing changed.

    `key`: of the estimate. Where it was charged, it is taken back, and all is booked on its day: daily caps counted it there.
    `at_most`: what may be missing in the host's count, which stays charged; None: all of the rest.
    """
    with transaction.atomic():
        if not _locked(hold_id).awaits_host:
            return False
        estimate = LedgerEntry.objects.filter(event_key=key).first()
        book(estimate.at if estimate else None)
        if estimate is None:
            reason = "its host could not say all of it: an estimate"
            booking.settle(hold_id, remainder_key=key, at_most=at_most, round_number=round_number, reason=reason)
        else:
            _take_back(estimate, at_most)
        Hold.objects.filter(pk=hold_id).update(awaits_host="")
        return True


def give_up(hold_id: int, *, key: str, at_most: int | None, round_number: int | None, reason: str) -> bool:
    """Charge an estimate of what an absent host's session spent: `at_most` micro-USD of the rest, None: all of it. The host's name stays:
    what it says later corrects the estimate. False: the host has said it, or it was given up before."""
    with transaction.atomic():
        hold = _locked(hold_id)
        if hold.state != Hold.State.AWAITING or hold.unknown_since:
            return False
        return booking.settle(hold_id, remainder_key=key, at_most=at_most, round_number=round_number, reason=reason)


def _locked(hold_id: int) -> Hold:
    return Hold.objects.select_for_update(no_key=True, of=("self",)).get(pk=hold_id)


def _take_back(estimate: LedgerEntry, at_most: int | None) -> None:
    """Correct an estimate to what may still be missing, on its own day. A person may have corrected it already."""
    hold = Hold.objects.get(ledger=estimate)
    corrected = LedgerEntry.objects.filter(corrects=estimate).aggregate(sum=Sum("amount"))["sum"] or 0
    left = int(estimate.amount + corrected)
    missing = max(hold.amount - (hold.drawn - estimate.amount), 0)
    too_much = left - min(left, missing if at_most is None else min(at_most, missing))
    if too_much > 0:
        reason = "its host came back and said what was spent"
        booking.adjust(estimate, -too_much, reason=reason, actor="muster", key=f"{estimate.event_key}:said", at=estimate.at)
