"""The cost of a month (UTC) by credential, if it has a monthly limit: booked amounts, and the list prices of plans. Each booking adds its amount. After a
person's change the ledger is summed again.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from django.db.models import Case, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from budget import amounts
from budget.models import Category, LedgerEntry
from orchestration.configuration.windows.readings import OF_MONTH, save
from orchestration.models import Credential, Session
from workspaces.values.standing_query import StandingQuery

VERIFIER_KEY_PART = ":verify"
"""A part of their event keys in the ledger (`sessions.metering`)."""
USED = Coalesce(Case(When(Q(amount=0) & ~Q(reported=0), then=F("computed")), default=F("amount")), Value(0))
"""Micro-USD of a row. A plan's row costs nothing and has a price. One reported as free has neither."""


def are_counted(workspace_id: str) -> bool:
    return _limited.any(workspace_id)


def spent(workspace_id: str, credential: str, amount: int, *, used_at: datetime | None = None) -> None:
    """Add micro-USD, in the transaction of their booking. A usage before this month does not count."""
    moment = datetime.now(UTC)
    row = limited(workspace_id).select_for_update().filter(name=credential).first()
    if row is None or (used_at is not None and used_at < first_of_month(moment)):
        return
    known = row.windows.get(OF_MONTH)
    is_of_this_month = known is not None and known["resets_at"] > moment.timestamp()
    before = amounts.usd(str(known["used"])) if known and is_of_this_month else 0
    _save_month(row, before + amount, moment)


def recount(row: Credential, current_roles: Collection[str]) -> None:
    """Sum the ledger for a locked row. Without a monthly limit its reading is deleted."""
    moment = datetime.now(UTC)
    if OF_MONTH in row.stop_at:
        _save_month(row, _booked(row, current_roles, moment), moment)
    elif OF_MONTH in row.windows:
        kept = {window: reading for window, reading in row.windows.items() if window != OF_MONTH}
        save(row, kept, at=moment.timestamp())


def first_of_month(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def limited(workspace_id: str) -> QuerySet[Credential]:
    return Credential.objects.filter(workspace_id=workspace_id, stop_at__has_key=OF_MONTH)


_limited = StandingQuery(limited)


def _save_month(row: Credential, used: int, moment: datetime) -> None:
    resets_at = first_of_month(first_of_month(moment) + timedelta(days=31)).timestamp()
    reading = {"used": amounts.number(max(used, 0)), "resets_at": resets_at, "read_at": moment.timestamp()}
    save(row, {**row.windows, OF_MONTH: reading}, at=moment.timestamp())


def _booked(row: Credential, roles: Collection[str], moment: datetime) -> int:
    """The month's sum in the ledger. Reviews and runs count by their current credential: only sessions record theirs."""
    sessions = Session.of_any_role.filter(workspace_id=row.workspace_id).filter(Q(credential=row.name) | Q(role__in=roles))
    is_review, is_verdict = Q(category=Category.INTERCEPTOR), Q(event_key__contains=VERIFIER_KEY_PART)
    counted = Q(session_ref__in=sessions.values("pk")) & ~is_review & ~is_verdict
    if "interceptor" in roles:
        counted |= is_review
    if "verifier" in roles:
        counted |= is_verdict
    rows = LedgerEntry.objects.filter(counted, project_id=row.workspace_id, at__gte=first_of_month(moment))
    return int(rows.aggregate(sum=Sum(USED))["sum"] or 0)
