"""Estimates, in micro-USD, of what a session spent beyond what it reported. Unknown is never zero, and seldom a whole reservation."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Max, Min, Q, QuerySet, Sum

from budget.models import LedgerEntry
from orchestration.models import Session

LEAST_S = 30.0  # over a shorter time a rate means little
OTHERS = 20  # the newest ended sessions of the workspace, where one reported nothing itself


@dataclass(frozen=True, slots=True)
class Pace:
    """`rate`: micro-USD a second. `request`: the most expensive one. `silent_s`: since the last report until its lease ended."""

    rate: float
    request: int
    silent_s: float = 0.0

    @property
    def silent(self) -> int:
        """The likely spend since the last report, and one request more."""
        return round(self.rate * self.silent_s) + self.request


def pace(session: Session) -> Pace | None:
    """The spend per second and per request of a session, from its own reports, else from those of other sessions in its role. None: there are neither."""
    rows = _reports(LedgerEntry.objects.filter(session_ref=session.pk))
    own = rows.aggregate(spent=Sum("amount"), request=Max("amount"), first=Min("at"), last=Max("at"))
    began = session.started_at or own["first"]
    if own["request"]:
        rate = own["spent"] / max((own["last"] - began).total_seconds(), LEAST_S)
        return Pace(rate, own["request"], _seconds(session, own["last"]))
    others = _others(session)
    return None if others is None else Pace(others.rate, others.request, _seconds(session, began))


def _reports(rows: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
    """The rows that report requests: no estimates, and no corrections."""
    return rows.filter(Q(reported__isnull=False) | Q(computed__isnull=False))


def _seconds(session: Session, last: datetime | None) -> float:
    """Its processes end with its lease: without one, their worker's fence ends them."""
    if session.lease_until is None or last is None:
        return 0.0
    return max((session.lease_until - last).total_seconds(), 0.0)


def _others(session: Session) -> Pace | None:
    ended = Session.of_any_role.filter(
        workspace_id=session.workspace_id,
        role=session.role,
        status=Session.Status.ENDED,
        ended_at__gt=F("started_at"),
        hold__drawn__gt=0,
    ).order_by("-claimed_at")
    times = {pk: (start, end) for pk, start, end in ended.values_list("pk", "started_at", "ended_at")[:OTHERS]}
    rows = _reports(LedgerEntry.objects.filter(session_ref__in=times)).order_by()
    reported = list(rows.values_list("session_ref").annotate(spent=Sum("amount"), most=Max("amount")))
    seconds = sum((end - start).total_seconds() for start, end in (times[pk] for pk, *_ in reported) if start and end)
    request = max((most for *_, most in reported), default=0)
    return Pace(sum(spent for _, spent, _ in reported) / max(seconds, LEAST_S), request) if request else None
