"""Reads of requests in the gateway, each one query by an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import JSONObject

from budget.models import GatewayRequest
from workspaces import paging

State = GatewayRequest.State
COUNTED = Q(event_key__startswith="request:", computed__isnull=False)
"""Rows of the ledger for requests that a provider has counted, by `budget.ledger.requests`. A row of a bound that is booked has no `computed`."""
_NOT_KNOWN = Case(When(amount=F("bound"), then=F("bound")), default=F("bound") - F("amount"))
"""The unknown part of a request: all of it where it is booked at its bound, else what is reserved beyond what is booked."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a session's requests, in micro-USD. `booked`: with `at_bound`, which is booked at the bounds of requests whose cost is not known.
    `unknown`: what such requests may still cost, beyond what is booked of them. `under_way`: the bounds of those that are sent. `for_provider`: those of
    `waiting` that wait for their provider's limit. `unpaid`: those that were refused because there was no money."""

    number: int
    waiting: int
    for_provider: int
    unpaid: int
    sent: int
    booked: int
    at_bound: int
    unknown: int
    under_way: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The requests of a session: their number, how long they waited in all, and micro-USD that are not known."""

    number: int
    waited: timedelta
    unknown: int


def of_session(session_ref: str) -> QuerySet[GatewayRequest]:
    return GatewayRequest.objects.filter(session_ref=session_ref)


def waiting(project_id: Any) -> QuerySet[GatewayRequest]:
    """The requests of a project that wait, the oldest first. `project_id`: also an OuterRef."""
    return GatewayRequest.objects.filter(hold__project_id=project_id, state=State.WAITING).order_by("id")


def waits(project_id: Any) -> Subquery:
    """The numbers of a project's requests that wait, by what for, with the first and the last name of the credentials whose limits they wait for;
    null: none waits. `project_id`: also an OuterRef."""
    paced = Q(reason=GatewayRequest.FOR_PROVIDER)
    numbers = JSONObject(
        money=Count("pk", filter=~paced),
        provider=Count("pk", filter=paced),
        first=Min("credential", filter=paced),
        last=Max("credential", filter=paced),
    )
    return Subquery(waiting(project_id).order_by().values("state").annotate(numbers=numbers).values("numbers"))


def oldest_wait(hold_id: OuterRef) -> dict[str, Subquery]:
    """Annotations of a row that has this reservation: the reason, time and credential of its oldest request that waits."""
    rows = GatewayRequest.objects.filter(hold=hold_id, state=State.WAITING).order_by("created_at")
    shown = {"request_waits_for": "reason", "request_waits_since": "created_at", "request_waits_with": "credential"}
    return {name: Subquery(rows.values(column)[:1]) for name, column in shown.items()}


def totals(session_ref: str) -> Totals:
    unknown = Q(state=State.UNKNOWN)
    row = of_session(session_ref).aggregate(
        number=Count("pk"),
        waiting=Count("pk", filter=Q(state=State.WAITING)),
        for_provider=Count("pk", filter=Q(state=State.WAITING, reason=GatewayRequest.FOR_PROVIDER)),
        unpaid=Count("pk", filter=Q(state=State.REFUSED, status=402)),
        sent=Count("pk", filter=Q(state=State.SENT)),
        booked=Sum(F("amount") + F("overrun")),
        at_bound=Sum("amount", filter=unknown & Q(amount=F("bound"))),
        unknown=Sum(F("bound") - F("amount"), filter=unknown),
        under_way=Sum("bound", filter=Q(state=State.SENT)),
    )
    return Totals(**{name: int(value or 0) for name, value in row.items()})


def figures(session_refs: Sequence[str]) -> dict[str, Figures]:
    """By session, those with requests. One query."""
    wait = ExpressionWrapper(F("sent_at") - F("created_at"), DurationField())
    unknown = Sum(_NOT_KNOWN, filter=Q(state=State.UNKNOWN))
    rows = GatewayRequest.objects.filter(session_ref__in=session_refs).order_by().values_list("session_ref")
    return {
        session_ref: Figures(number, waited or timedelta(), int(money or 0))
        for session_ref, number, waited, money in rows.annotate(n=Count("pk"), waited=Sum(wait), unknown=unknown)
    }


def page(session_ref: str, *, limit: int, cursor: str | None) -> tuple[list[GatewayRequest], str | None]:
    """The newest requests of a session before `cursor`, and the next cursor."""
    return paging.page(of_session(session_ref), "-session_ref", "-id", limit=limit, cursor=cursor)
