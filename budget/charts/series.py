"""Spend over time from the ledger, grouped by the database."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.db.models import CharField, F, Func, Sum

from budget.categories import CATEGORIES
from budget.charts.burnup import Point
from budget.models import LedgerEntry, Project
from workspaces import times

HOURS = 24
MAX_STEPS = 200
BUCKETS = [timedelta(minutes=m) for m in (1, 5, 10, 15, 30)] + [timedelta(hours=h) for h in (1, 2, 4, 6, 12)]
BUCKETS += [timedelta(days=d) for d in (1, 7, 28)]


class _Minute(Func):
    """`2026-11-24 13:05` of a moment, in UTC: the same text from both databases, without a call into Python for each row."""

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


class _Quarter(_Minute):
    """For zones whose hours do not start with those of UTC: every offset in use is a multiple of a quarter of an hour."""

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        minutes = "printf('%%%%02d', CAST(substr(%(expressions)s, 15, 2) AS integer) / 15 * 15)"
        template = f"substr(%(expressions)s, 1, 14) || {minutes}"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        binned = "date_bin('15 minutes', %(expressions)s AT TIME ZONE 'UTC', TIMESTAMP '2000-01-01')"
        return self.as_sql(compiler, connection, template=f"to_char({binned}, 'YYYY-MM-DD HH24:MI')", **context)


@dataclass(frozen=True)
class Series:
    """`points`: cumulative spend, level where nothing was spent. `day`: the last 24 hours by category; `hours`: the same by hour, oldest
    first. Micro-USD. Hours and days are those of the requested zone."""

    points: list[Point]
    day: dict[str, int]
    hours: list[int]


def load(
    project: Project, *, since: datetime | None, began: datetime, now: datetime, until: datetime | None = None, zone: tzinfo = UTC
) -> Series:
    """Cumulative spend from the later of `since` and `began`, the workspace's beginning, to `until` (None: now). One query, and another
    for the last day where it begins before the window. Beyond 100 hours the window ends with the hour of `until`. `since` None: from the beginning, or from an earlier row."""
    end = until or now
    start = min(max(since or began, began), end - BUCKETS[0])
    step = _step_for(end - start)
    bucket = _bucket(step, zone, start, now)
    totals = _buckets(project, start if since else None, bucket)
    if since is None and totals and min(totals) < start:
        start = min(totals)
        step = _step_for(end - start)
    is_longer = since is None or start <= max(now - timedelta(hours=HOURS), began)
    day = _last_day(totals if is_longer else _buckets(project, now - timedelta(hours=HOURS), _Quarter), now, zone)
    since_start = [sum(amounts[n] for amounts in totals.values()) for n in range(len(CATEGORIES))]
    spent = [project.spent_on(name) - amount for name, amount in zip(CATEGORIES, since_start, strict=True)]
    ends = [*(at for at in times.steps(start, end, step, zone) if start < at < end), end]
    inside = {at: amounts for at, amounts in totals.items() if end == now or at < end}
    return Series(_points(inside, spent, start, ends), *day)


def _points(totals: dict[datetime, list[int]], spent: list[int], start: datetime, ends: list[datetime]) -> list[Point]:
    """A point at the beginning and at the end of each step in which something was spent: the line is level between them."""
    points, order, begin = [Point(start, tuple(spent))], sorted(totals), start
    for end in ends:
        before = tuple(spent)
        while order and (order[0] < end or end == ends[-1]):
            for n, amount in enumerate(totals[order.pop(0)]):
                spent[n] += amount
        if tuple(spent) != before:
            points += [Point(begin, before)] if points[-1].at < begin else []
            points.append(Point(end, tuple(spent)))
        begin = end
    return points if points[-1].at == ends[-1] else [*points, Point(ends[-1], tuple(spent))]


def _bucket(step: timedelta, zone: tzinfo, since: datetime, now: datetime) -> type[_Minute]:
    """The largest bucket of which the steps and the hours of the last day are multiples."""
    if step < timedelta(hours=1):
        return _Minute
    return _Hour if times.hours_are_whole(zone, since, now) else _Quarter


def _last_day(totals: dict[datetime, list[int]], now: datetime, zone: tzinfo) -> tuple[dict[str, int], list[int]]:
    first = times.hour_of(now, zone) - timedelta(hours=HOURS - 1)
    day, hours = [0] * len(CATEGORIES), [0] * HOURS
    for at, amounts in totals.items():
        if at >= first:
            hours[min(int((at - first) / timedelta(hours=1)), HOURS - 1)] += sum(amounts)
            day = [before + amount for before, amount in zip(day, amounts, strict=True)]
    return dict(zip(CATEGORIES, day, strict=True)), hours


def _buckets(project: Project, since: datetime | None, bucket: type[_Minute]) -> dict[datetime, list[int]]:
    rows = LedgerEntry.objects.filter(project=project)
    if since is not None:
        rows = rows.filter(at__gte=since)
    totals: dict[datetime, list[int]] = defaultdict(lambda: [0] * len(CATEGORIES))
    summed = rows.order_by().annotate(bucket=bucket(F("at"))).values_list("bucket", "category").annotate(Sum("amount"))
    for text, category, amount in summed:
        totals[datetime.fromisoformat(text).replace(tzinfo=UTC)][CATEGORIES.index(category)] += amount
    return totals


def _step_for(span: timedelta) -> timedelta:
    """The smallest step that divides the span into at most MAX_STEPS."""
    return next((step for step in BUCKETS if span / step <= MAX_STEPS), BUCKETS[-1])
