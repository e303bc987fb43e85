"""Reconciliation of a provider's count with the ledger, by UTC day and model, with optional adjustments."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.db.models.functions import TruncDate

from budget import amounts, events, limits
from budget.ledger import booking, rebuild, unknown
from budget.ledger.usage_files import ReportedUsage, read, same_model
from budget.limits import caps
from budget.models import Category, LedgerEntry, Project
from workspaces import activity
from workspaces.access import Caller

__all__ = ["Line", "apply", "as_dict", "compare", "read"]

# The ledger rounds each request up to a micro-dollar: less than a cent a day is rounding, and is not booked.
TOLERANCE = amounts.usd("0.01")
NOT_THERE = "not in the file: another provider's, or another key's; never booked"
IN_FUTURE = "a day in the future: not booked"
NO_COST = "the file has tokens only: nothing to book"
ROUNDING = "rounding: not booked"


@dataclass(frozen=True, slots=True)
class Line:
    """One day of one model, in micro-USD and tokens."""

    day: date
    model: str
    provider: int | None
    ledger: int
    provider_tokens: int | None
    ledger_tokens: int
    note: str

    @property
    def difference(self) -> int | None:
        return None if self.provider is None else self.provider - self.ledger

    @property
    def to_book(self) -> int:
        return 0 if self.note else self.difference or 0


def compare(workspace_id: str, reported: Sequence[ReportedUsage]) -> list[Line]:
    """Both counts of the days from the file's first to its last, by day and model."""
    if not reported:
        return []
    ours = _booked(workspace_id, min(usage.day for usage in reported), max(usage.day for usage in reported))
    lines = [
        _line(day, model, cost, tokens, *ours.pop((day, same_model(model)), ("", 0, 0))[1:])
        for (day, _), (model, cost, tokens) in _merged(reported).items()
    ]
    lines += [Line(day, model, None, amount, None, tokens, NOT_THERE) for (day, _), (model, amount, tokens) in ours.items()]
    return sorted(lines, key=lambda line: (line.day, line.model))


def apply(workspace_id: str, reported: Sequence[ReportedUsage], *, provider: str, by: Caller) -> list[Line]:
    """Book an adjustment for each difference, on its own day, and return those lines. Idempotent: the same file again has no difference.

    An adjustment belongs to no entry: it counts as the orchestrator's. The provider's count includes unknown requests of its days: their bounds are
    released.
    """
    with transaction.atomic():
        rebuild.lock_project(workspace_id)  # blocks charges and a second import until the commit
        project = Project.objects.get(pk=workspace_id)
        lines = [line for line in compare(workspace_id, reported) if line.to_book]
        for line in lines:
            charge = booking.Charge(
                _key(workspace_id, line),
                line.to_book,
                LedgerEntry.PriceSource.MANUAL,
                category=Category.ORCHESTRATOR,
                model=line.model,
                reason=f"{provider} says {amounts.format_usd(line.provider)} for {line.day}, the ledger said {amounts.format_usd(line.ledger)}",
                at=min(datetime.combine(line.day, time(23, 59, 59), UTC), datetime.now(UTC)),
            )
            booking.charge(project, charge, actor=by.name)
        if lines:
            booked = amounts.number(sum(line.to_book for line in lines))
            event = events.SpendReconciled(provider=provider, lines=len(lines), amount_usd=booked)
            activity.record(workspace_id, event, by=by, object_id=workspace_id)
            caps.announce(workspace_id)
    _settle_unknown(workspace_id, reported, provider, by)  # after the commit: the lock order is reservations, then project
    return lines


def _settle_unknown(workspace_id: str, reported: Sequence[ReportedUsage], provider: str, by: Caller) -> None:
    """Settle unknown requests at their booked amounts: the provider's count has the rest, except for an unfinished day."""
    counted = {
        (usage.day, same_model(usage.model)) for usage in reported if usage.cost is not None and usage.day < limits.today()
    }
    rows = unknown.requests_of(workspace_id).filter(ended_at__isnull=False)
    covered = [
        pk
        for pk, model, sent_at, ended_at in rows.values_list("pk", "model", "sent_at", "ended_at")
        if {(at.astimezone(UTC).date(), same_model(model)) for at in (sent_at, ended_at) if at} <= counted
    ]
    if covered:
        unknown.settle_all(workspace_id, by=by, reason=f"{provider} has counted its day", counted_elsewhere=Q(pk__in=covered))


def as_dict(line: Line) -> dict[str, Any]:
    """A line in the API's shape."""
    return {
        "day": line.day,
        "model": line.model,
        "provider_usd": _usd(line.provider),
        "ledger_usd": amounts.number(line.ledger),
        "provider_tokens": line.provider_tokens,
        "ledger_tokens": line.ledger_tokens,
        "difference_usd": _usd(line.difference),
        "note": line.note,
    }


_Sum = tuple[str, int, int]
_Merged = dict[tuple[date, str], tuple[str, int | None, int | None]]


def _merged(reported: Sequence[ReportedUsage]) -> _Merged:
    """Merge the names of one model."""
    merged: _Merged = {}
    for usage in reported:
        model, cost, tokens = merged.get((usage.day, same_model(usage.model)), (usage.model, None, None))
        if usage.cost is not None:
            cost = (cost or 0) + int((usage.cost * amounts.MICRO).to_integral_value())
        if usage.tokens is not None:
            tokens = (tokens or 0) + usage.tokens
        merged[usage.day, same_model(usage.model)] = (model, cost, tokens)
    return merged


def _line(day: date, model: str, cost: int | None, tokens: int | None, amount: int, counted: int) -> Line:
    note = NO_COST if cost is None else ROUNDING if 0 < abs(cost - amount) < TOLERANCE else ""
    if day > limits.today() and not note:  # it would be booked today, and the same file would show the difference again
        note = IN_FUTURE
    return Line(day, model, cost, amount, tokens, counted, note)


def _booked(workspace_id: str, first: date, last: date) -> dict[tuple[date, str], _Sum]:
    begin = datetime.combine(first, time(), UTC)
    end = datetime.combine(last, time(), UTC) + timedelta(days=1)
    rows = LedgerEntry.objects.filter(project_id=workspace_id, at__gte=begin, at__lt=end).exclude(model="").order_by()
    tokens = Sum("input_tokens") + Sum("output_tokens") + Sum("cache_read_tokens") + Sum("cache_write_tokens")
    sums: dict[tuple[date, str], _Sum] = {}
    by_model: Mapping[str, Any] = {"amount_sum": Sum("amount"), "tokens": tokens}
    days = rows.annotate(day=TruncDate("at", tzinfo=UTC)).values_list("day", "model")
    for day, model, amount, counted in days.annotate(**by_model):
        name, before, more = sums.get((day, same_model(model)), (model, 0, 0))
        sums[day, same_model(model)] = (name, before + amount, more + counted)
    return sums


def _key(workspace_id: str, line: Line) -> str:
    """The event key, with the ledger's sum: an equal difference after other charges is a new one."""
    text = f"{workspace_id}\n{line.day}\n{same_model(line.model)}\n{line.ledger}\n{line.provider}"
    count = LedgerEntry.objects.filter(project_id=workspace_id, event_key__startswith=f"reconcile:{line.day}:").count()
    return f"reconcile:{line.day}:{hashlib.sha256(text.encode()).hexdigest()[:32]}:{count}"


def _usd(amount: int | None) -> int | float | None:
    return None if amount is None else amounts.number(amount)
