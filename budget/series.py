"""Spend over time, from the ledger: a query each, grouped by the database."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import CharField, F, Func, Sum

from budget.charts.burnup import Point
from budget.charts.patterns import CATEGORIES
from budget.models import LedgerEntry, Project

HOURS = 24


class _Minute(Func):
    """`2026-11-24 13:05` of a moment, in UTC: the same text from both databases, and without a call into Python for every row."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="substr(%(expressions)s, 1, 16)", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
        return self.as_sql(compiler, connection, template=template, **context)


class _Hour(_Minute):
    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="substr(%(expressions)s, 1, 13) || ':00'", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:00')"
        return self.as_sql(compiler, connection, template=template, **context)


@dataclass(frozen=True)
class LastDay:
    """The last 24 hours: by category, and by hour, oldest first. Micro-USD."""

    by_category: dict[str, int]
    by_hour: list[int]


def cumulative(project: Project, *, since: datetime | None, now: datetime, step: timedelta) -> list[Point]:
    """What was spent until each step, ending now with what the project's counters say. `since` None: from the first row on."""
    fine = step < timedelta(hours=1)
    found = _buckets(project, since, _Minute if fine else _Hour)
    in_window = [sum(amounts[n] for amounts in found.values()) for n in range(len(CATEGORIES))]
    spent = [getattr(project, f"{name}_spent") - amount for name, amount in zip(CATEGORIES, in_window, strict=True)]
    if since is None:
        since = min(found, default=now - step)
        step = max(step, _sensible(now - since))
    points, ends = [Point(since, tuple(spent))], _ends(since, now, step)
    order = sorted(found)
    for end in ends:
        while order and (order[0] < end or end == now):
            for n, amount in enumerate(found[order.pop(0)]):
                spent[n] += amount
        points.append(Point(end, tuple(spent)))
    return points


def last_day(project: Project, *, now: datetime) -> LastDay:
    since = (now - timedelta(hours=HOURS - 1)).replace(minute=0, second=0, microsecond=0)
    found = _buckets(project, since, _Hour)
    hours = [since + timedelta(hours=n) for n in range(HOURS)]
    by_category = {name: sum(amounts[n] for amounts in found.values()) for n, name in enumerate(CATEGORIES)}
    return LastDay(by_category, [sum(found.get(hour, ())) for hour in hours])


def _buckets(project: Project, since: datetime | None, bucket: type[_Minute]) -> dict[datetime, list[int]]:
    rows = LedgerEntry.objects.filter(project=project)
    if since is not None:
        rows = rows.filter(at__gte=since)
    found: dict[datetime, list[int]] = defaultdict(lambda: [0] * len(CATEGORIES))
    summed = rows.order_by().annotate(bucket=bucket(F("at"))).values_list("bucket", "category").annotate(Sum("amount"))
    for text, category, amount in summed:
        found[datetime.fromisoformat(text).replace(tzinfo=UTC)][CATEGORIES.index(category)] += amount
    return found


def _ends(since: datetime, now: datetime, step: timedelta) -> Sequence[datetime]:
    """Round moments after `since`, and now."""
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + ((since - midnight) // step + 1) * step
    ends = []
    while at < now:
        ends.append(at)
        at += step
    return [*ends, now]


def _sensible(span: timedelta, most: int = 60) -> timedelta:
    """A step by which a span of any length is at most sixty points."""
    for hours in (1, 2, 4, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24):
        if span / timedelta(hours=hours) <= most:
            return timedelta(hours=hours)
    return timedelta(days=91)
