"""Corrections by people: a reversing row, and a line of activity with author and reason."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Sum

from budget import amounts, events
from budget.ledger import booking, charges
from budget.limits import caps
from budget.models import Account, LedgerEntry, Project
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid


@dataclass(frozen=True)
class Effect:
    """The amounts before and after a correction, in micro-USD. The account's are None for spend without an entry."""

    row: tuple[int, int]
    project_spent: tuple[int, int]
    project_headroom: tuple[int, int]
    account_spent: tuple[int, int] | None
    account_headroom: tuple[int, int] | None


def effect(row: LedgerEntry, amount: int) -> Effect:
    """Preview a correction. Raises Invalid like `correct`."""
    _check(row, amount)
    net = row.amount + _corrected(row)
    if net + amount < 0:
        raise Invalid(f"Of this row {amounts.format_usd(net)} is left: a correction may not take back more", "amount_usd")
    project = Project.objects.get(pk=row.project_id)
    account = Account.objects.filter(pk=row.account_id).first()
    charged = (
        account if row.category == "entry" else None
    )  # an interceptor's cost is a column of its own, outside the entry's budget

    def moved(value: int, by: int = amount) -> tuple[int, int]:
        return value, value + by

    return Effect(
        row=moved(net),
        project_spent=moved(project.total_spent),
        project_headroom=moved(project.headroom, -amount),
        account_spent=moved(charged.spent) if charged else None,
        account_headroom=moved(charged.headroom, -amount) if charged else None,
    )


def correct(row: LedgerEntry, amount: int, *, by: Caller, reason: str, key: str) -> bool:
    """Book a correction of micro-USD (negative: a refund) and record it. False: this key was booked before. Raises Invalid."""
    _check(row, amount)
    with transaction.atomic():
        row = LedgerEntry.objects.select_for_update(of=("self",)).get(pk=row.pk)  # locked: concurrent corrections add up
        if is_booked(key):
            return False
        if not booking.adjust(row, amount, reason=reason, actor=by.name, key=key):
            return False
        event = events.SpendCorrected(ledger=row.pk, amount_usd=amounts.number(amount), session=row.session_ref)
        object_id = row.account_id or row.project_id
        activity.record(row.project_id, event, by=by, object_id=object_id, reason=reason)
        caps.announce(row.project_id, row.account_id)  # a refund may unblock entries that wait for money
    return True


def correct_once(row: LedgerEntry, amount: int, *, by: Caller, reason: str, key: str | None) -> LedgerEntry:
    """Like `correct`, but by the API caller's own key. Returns the correction's row. Raises Invalid for a key used with another one."""
    name = charges.event_key(row.project_id, by.name, key, kind="adjust")
    correct(row, amount, by=by, reason=reason, key=name)
    correction = LedgerEntry.objects.get(event_key=name)
    if (correction.corrects_id, correction.amount, correction.reason) != (row.pk, amount, reason[:500]):
        raise Invalid("This key was used for another correction", "Idempotency-Key")
    return correction


def is_booked(key: str) -> bool:
    return LedgerEntry.objects.filter(event_key=key).exists()


def _check(row: LedgerEntry, amount: int) -> None:
    if amount == 0:
        raise Invalid("A correction of zero corrects nothing", "amount_usd")
    if row.corrects_id:
        raise Invalid(f"This row is a correction itself: correct row {row.corrects_id}, which it belongs to")


def _corrected(row: LedgerEntry) -> int:
    return LedgerEntry.objects.filter(corrects=row).aggregate(sum=Sum("amount"))["sum"] or 0
