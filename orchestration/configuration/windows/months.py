"""The cost of a credential with a limit for a month, since the first of it in UTC: amounts that the ledger has booked, and prices that a plan
pays. Each amount is added as it is booked; after a change by a person the ledger is added up again.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from django.db.models import Case, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from budget import amounts
from budget.models import Category, LedgerEntry
from orchestration.configuration.windows.readings import OF_MONTH, reported
from orchestration.models import Credential, Session
from workspaces.values.standing_query import StandingQuery

OF_VERIFIERS = ":verify"
"""In the event keys of their usage (`sessions.metering`)."""
USED = Coalesce(Case(When(Q(amount=0) & ~Q(reported=0), then=F("computed")), default=F("amount")), Value(0))
"""Micro-USD of a row. That of a plan costs nothing and has a price; that of a request that its agent calls free has none."""


def are_counted(workspace_id: str) -> bool:
    return _limited.any(workspace_id)


def spent(workspace_id: str, credential: str, amount: int, *, at: datetime | None = None) -> None:
    """Add micro-USD, in the transaction that books them. `at`: when they were used; None: now."""
    moment = datetime.now(UTC)
    row = limited(workspace_id).select_for_update().filter(name=credential).first()
    if row is None or (at is not None and at < first_of_month(moment)):
        return
    known = row.windows.get(OF_MONTH)
    is_of_this_month = known is not None and known["resets_at"] > moment.timestamp()
    before = amounts.usd(str(known["used"])) if known and is_of_this_month else 0
    _keep(row, before + amount, moment)


def recount(row: Credential, roles: Collection[str]) -> None:
    """Add up the ledger for a credential whose row is locked. `roles`: whose agents use it today. Without a limit for the month its reading goes."""
    moment = datetime.now(UTC)
    if OF_MONTH in row.stop_at:
        _keep(row, _booked(row, roles, moment), moment)
    elif OF_MONTH in row.windows:
        kept = {window: reading for window, reading in row.windows.items() if window != OF_MONTH}
        reported(row, kept, at=moment.timestamp())


def first_of_month(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def limited(workspace_id: str) -> QuerySet[Credential]:
    return Credential.objects.filter(workspace_id=workspace_id, stop_at__has_key=OF_MONTH)


_limited = StandingQuery(limited)


def _keep(row: Credential, used: int, moment: datetime) -> None:
    resets_at = first_of_month(first_of_month(moment) + timedelta(days=31)).timestamp()
    reading = {"used": amounts.number(max(used, 0)), "resets_at": resets_at, "read_at": moment.timestamp()}
    reported(row, {**row.windows, OF_MONTH: reading}, at=moment.timestamp())


def _booked(row: Credential, roles: Collection[str], moment: datetime) -> int:
    """The month of the ledger. Reviews and runs count by what their agents use today: only a session keeps its credential."""
    sessions = Session.of_any_role.filter(workspace_id=row.workspace_id).filter(Q(credential=row.name) | Q(role__in=roles))
    is_review, is_verdict = Q(category=Category.INTERCEPTOR), Q(event_key__contains=OF_VERIFIERS)
    counted = Q(session_ref__in=sessions.values("pk")) & ~is_review & ~is_verdict
    if "interceptor" in roles:
        counted |= is_review
    if "verifier" in roles:
        counted |= is_verdict
    rows = LedgerEntry.objects.filter(counted, project_id=row.workspace_id, at__gte=first_of_month(moment))
    return int(rows.aggregate(sum=Sum(USED))["sum"] or 0)
