"""Spend that an agent reports beyond its session's reservation, by more than the requests under way explain. It counts, since it may be true;
nothing more starts with that agent, until a person says whether it is.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, Sum

from budget import amounts, ledger
from budget.limits import caps
from budget.models import Category, Hold, LedgerEntry
from orchestration.backlog import entry_actions
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Session
from workspaces import activity
from workspaces.access import MUSTER, Caller
from workspaces.errors import Conflict, Invalid

Doubt = Session.Doubt
TOLERANCE = amounts.usd("0.10")
REQUESTS = 2  # under way when a session is cut: its agent and a helper of it
NOTHING = "Nobody doubts what this session spent"


@dataclass(frozen=True, slots=True)
class Excess:
    """Micro-USD."""

    booked: int
    reserved: int

    @property
    def amount(self) -> int:
        return self.booked - self.reserved

    @property
    def sentence(self) -> str:
        booked, reserved = amounts.format_usd(self.booked), amounts.format_usd(self.reserved)
        return f"Its agent reported {booked} where {reserved} was reserved: say on its session's page whether that is true"


def of_hold(hold: Hold) -> Excess:
    """The amounts booked on a hold, corrections included, and reserved."""
    corrected = LedgerEntry.objects.filter(corrects__hold=hold).aggregate(sum=Sum("amount"))["sum"] or 0
    return Excess(int(hold.drawn + corrected), int(hold.amount))


def open_if_due(session: Session) -> Excess | None:
    """Begin to doubt, in the transaction that has settled the session. None: requests under way explain what it spent."""
    hold = Hold.objects.filter(session=session.pk).first()
    if hold is None or session.is_run or hold.drawn <= hold.amount:
        return None
    request = LedgerEntry.objects.filter(hold=hold).aggregate(most=Max("amount"))["most"] or 0
    excess = of_hold(hold)
    if excess.amount <= max(REQUESTS * request, TOLERANCE):
        return None
    fresh = Session.of_any_role.filter(pk=session.pk, doubt=Doubt.NONE).update(doubt=Doubt.OPEN)
    if not fresh:
        return None
    event = events.SpendDoubted(
        entry=session.owner_id, booked_usd=amounts.number(excess.booked), reserved_usd=amounts.number(excess.reserved)
    )
    activity.record(session.workspace_id, event, by=MUSTER, object_id=session.pk)
    return excess


def is_any_open(workspace_id: str) -> bool:
    return Session.objects.filter(workspace_id=workspace_id, doubt=Doubt.OPEN).exists()


def answer(session: Session, *, is_true: bool, by: Caller, reason: str = "") -> int:
    """Say whether it is true. If not, what is beyond the reservation is taken back by a row on the day of the last report. The entry that was
    held for it goes on. The same answer again changes nothing. Returns the correction in micro-USD, 0 or less. Raises Invalid without a reason
    for a correction, and Conflict where there is no doubt, or another answer."""
    if not is_true and not reason.strip():
        raise Invalid("Enter a reason: a correction needs one", "reason")
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=session.workspace_id)
        row = Session.objects.select_related("entry__account__project", "hold").get(pk=session.pk)
        decided = Doubt.TRUE if is_true else Doubt.FALSE
        if row.doubt == decided:
            return 0
        if row.doubt != Doubt.OPEN:
            raise Conflict(f"{row.doubt_by} has answered this already" if row.doubt else NOTHING)
        Session.objects.filter(pk=row.pk).update(doubt=decided, doubt_by=by.name)
        corrected = 0 if is_true else _take_back(row, by=by, reason=reason)
        event = events.SpendConfirmed if is_true else events.SpendDenied
        recorded = event(entry=row.owner_id, amount_usd=amounts.number(corrected))
        activity.record(row.workspace_id, recorded, by=by, object_id=row.pk, reason=reason)
        caps.announce(row.workspace_id, row.entry.account_id)
        _resume(row.entry, by=by)
    wake_ups.enqueue_cycle(session.workspace_id)
    wake_ups.publish_change(session.workspace_id, "budget", "workers", "entries")
    return corrected


def _take_back(session: Session, *, by: Caller, reason: str) -> int:
    """A row of its own: no single row of a burst has as much."""
    hold, account = session.hold, session.entry.account
    assert hold is not None
    last = LedgerEntry.objects.filter(hold=hold).latest("at")
    amount = -max(of_hold(hold).amount, 0)
    item = ledger.Charge(
        f"{session.pk}:{session.attempt}:denied",
        amount,
        LedgerEntry.PriceSource.MANUAL,
        category=Category(hold.category),
        reason=f"not true: {reason}",
        at=last.at,
    )
    number = session.round_number or None
    ledger.charge(account.project, item, account=account, session_ref=session.pk, round_number=number, actor=by.name)
    return amount


def _resume(entry: Entry, *, by: Caller) -> None:
    """Unless a person has moved it meanwhile, or deleted it."""
    fresh = Entry.objects.get(pk=entry.pk)
    held = fresh.deleted_at is None and fresh.status == Entry.Status.BLOCKED and fresh.reason_code == Reason.HUMAN_HOLD
    if held and fresh.reason_message.endswith("whether that is true"):
        entry_actions.resume(fresh, by=by)
