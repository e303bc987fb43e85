"""Money of unknown requests in the gateway, after their session or permit has ended.

The seen part of an answer is booked. The rest of the bound stays reserved as unknown, not as spent, until the provider's own count (`requests.settle`). Else
a person, the reconciliation or a timeout settles it at an estimate. A request in a gateway's hands is never settled here.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum

from budget import amounts, events
from budget.ledger import booking
from budget.limits import caps
from budget.models import Category, GatewayRequest, Hold, LedgerEntry
from workspaces import activity
from workspaces.access import Caller

State = GatewayRequest.State


def holds() -> QuerySet[Hold]:
    """The reservations with unknown money, of all workspaces."""
    return Hold.objects.filter(state=Hold.State.AWAITING, unknown_since__isnull=False)


def requests_of(project_id: str) -> QuerySet[GatewayRequest]:
    """A workspace's unknown requests, also of running sessions."""
    return GatewayRequest.objects.filter(hold__project_id=project_id, state=State.UNKNOWN)


def of_project(project_id: str) -> int:
    """The unknown micro-USD of a workspace, beyond the booked parts."""
    return int(requests_of(project_id).aggregate(sum=Sum(F("bound") - F("amount")))["sum"] or 0)


@dataclass(frozen=True, slots=True)
class Settled:
    """The effect of settling unknown requests, in micro-USD."""

    requests: int = 0
    booked: int = 0
    freed: int = 0


def settle(hold: Hold, *, by: Caller, why: str, counted_elsewhere: Q | None = None) -> Settled | None:
    """Book the estimates of a reservation's unknown requests, each once, and release the rest. Of requests counted elsewhere nothing is booked, and only they are
    settled. None: there is none, or another process was first."""
    with transaction.atomic():
        locked = Hold.objects.select_for_update(no_key=True, of=("self",)).get(pk=hold.pk)
        rows = GatewayRequest.objects.filter(counted_elsewhere or Q(), hold=locked, state=State.UNKNOWN)
        rows = rows.select_related("access").order_by("pk") if locked.state == Hold.State.AWAITING else rows.none()
        booked = [_end(locked, row, 0 if counted_elsewhere else _estimate(row), why, by) for row in rows]
        if not booked:
            return None
        booking.release_known(locked.pk)
        left = Hold.objects.get(pk=locked.pk).remainder  # 0 once it is settled
        settled = Settled(len(booked), sum(booked), max(locked.remainder - left - sum(booked), 0))
        event = events.UnknownSettled(
            requests=settled.requests, booked_usd=amounts.number(settled.booked), freed_usd=amounts.number(settled.freed)
        )
        activity.record(locked.project_id, event, by=by, object_id=locked.session_ref, reason=why)
        caps.announce(locked.project_id, locked.account_id)
    return settled


def settle_all(project_id: str, *, by: Caller, reason: str, counted_elsewhere: Q | None = None) -> Settled:
    """Settle all of a workspace, each reservation in a transaction of its own."""
    done = Settled()
    for hold in holds().filter(project_id=project_id).order_by("pk"):
        if settled := settle(hold, by=by, why=reason or f"{by.name} settled it", counted_elsewhere=counted_elsewhere):
            done = Settled(done.requests + settled.requests, done.booked + settled.booked, done.freed + settled.freed)
    return done


def _estimate(row: GatewayRequest) -> int:
    """The unbooked part of the estimate."""
    return max(min(int(row.seen), int(row.bound)) - int(row.amount), 0)


def _end(hold: Hold, row: GatewayRequest, more: int, why: str, by: Caller) -> int:
    reason = f"{row.reason}; its cost was not known: {why}"
    GatewayRequest.objects.filter(pk=row.pk).update(state=State.SETTLED, amount=F("amount") + more, reason=reason[:300])
    if more:
        item = booking.Charge(
            f"{row.event_key}:rest",
            more,
            LedgerEntry.PriceSource.COMPUTED,
            category=Category(row.access.category),
            model=row.model,
            reason="its answer is not known: an estimate by what was seen of it",
        )
        booking.charge(
            hold.project,
            item,
            account=hold.account,
            reservation=hold,
            session_ref=hold.session_ref,
            round_number=row.access.round,
            actor=by.name,
        )
    return more
