"""Money of requests in the gateway whose answer is not known, once their session or permit has ended.

What was seen of an answer is booked; the rest of the bound stays reserved, stated as unknown and not as spent. It comes back with the provider's own count
(`requests.settle`), or it is settled at an estimate of what was seen: by a person, by the reconciliation, or after a time. What a gateway is still at work
on is never settled here.
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
    """Reservations that keep such money, of all workspaces."""
    return Hold.objects.filter(state=Hold.State.AWAITING, unknown_since__isnull=False)


def requests_of(project_id: str) -> QuerySet[GatewayRequest]:
    """A workspace's requests whose cost is not known, also of sessions at work."""
    return GatewayRequest.objects.filter(hold__project_id=project_id, state=State.UNKNOWN)


def of_project(project_id: str) -> int:
    """Micro-USD that a workspace's requests may have cost, beyond what is booked of them."""
    return int(requests_of(project_id).aggregate(sum=Sum(F("bound") - F("amount")))["sum"] or 0)


@dataclass(frozen=True, slots=True)
class Settled:
    """Micro-USD: `booked` by the estimate, and `freed`."""

    requests: int = 0
    booked: int = 0
    freed: int = 0


def settle(hold: Hold, *, by: Caller, why: str, counted: Q | None = None) -> Settled | None:
    """Book what was seen of a reservation's unknown requests, each once, and release the rest. `counted`: those alone that the ledger has otherwise: nothing
    is booked of them. None: there is none, or another one was first."""
    with transaction.atomic():
        locked = Hold.objects.select_for_update(no_key=True, of=("self",)).get(pk=hold.pk)
        rows = GatewayRequest.objects.filter(counted or Q(), hold=locked, state=State.UNKNOWN)
        rows = rows.select_related("access").order_by("pk") if locked.state == Hold.State.AWAITING else rows.none()
        booked = [_end(locked, row, 0 if counted else _estimate(row), why, by) for row in rows]
        if not booked:
            return None
        booking.release_known(locked.pk)
        left = Hold.objects.get(pk=locked.pk).remainder  # none is left of one that is settled
        settled = Settled(len(booked), sum(booked), max(locked.remainder - left - sum(booked), 0))
        event = events.UnknownSettled(
            requests=settled.requests, booked_usd=amounts.number(settled.booked), freed_usd=amounts.number(settled.freed)
        )
        activity.record(locked.project_id, event, by=by, object_id=locked.session_ref, reason=why)
        caps.announce(locked.project_id, locked.account_id)
    return settled


def settle_all(project_id: str, *, by: Caller, reason: str, counted: Q | None = None) -> Settled:
    """Settle all of a workspace, each reservation in a transaction of its own. `counted`: as of `settle`."""
    done = Settled()
    for hold in holds().filter(project_id=project_id).order_by("pk"):
        if settled := settle(hold, by=by, why=reason or f"{by.name} settled it", counted=counted):
            done = Settled(done.requests + settled.requests, done.booked + settled.booked, done.freed + settled.freed)
    return done


def _estimate(row: GatewayRequest) -> int:
    """The part that is not booked yet."""
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
