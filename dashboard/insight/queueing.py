"""The time that entries waited for their first session: percentiles by nearest rank, computed by the database in one query."""

from collections.abc import Hashable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F, FloatField, Func, QuerySet

from dashboard.insight.figures import Waits
from orchestration.models import Session

ALL = object()
"""The key of all groups together."""
SHARES = (0.5, 0.95)

# Columns: of all, key, is now, p50, p95. `percentile_disc` is the nearest rank.
_POSTGRESQL = """
    SELECT grouping(key) = 1, key, is_now, percentile_disc(%s) WITHIN GROUP (ORDER BY wait), percentile_disc(%s) WITHIN GROUP (ORDER BY wait)
    FROM ({first}) first GROUP BY GROUPING SETS ((key, is_now), (is_now))"""
_RANKED = """
    SELECT {of_all}, max(key), is_now, min(wait) FILTER (WHERE place >= %s * n), min(wait) FILTER (WHERE place >= %s * n) FROM (
        SELECT *, row_number() OVER (PARTITION BY {groups} ORDER BY wait) AS place, count(*) OVER (PARTITION BY {groups}) AS n FROM first)
    GROUP BY {groups}"""
_SQLITE = (
    "WITH first AS MATERIALIZED ({first})"
    + _RANKED.replace("{of_all}", "0").replace("{groups}", "key, is_now")
    + " UNION ALL "
    + _RANKED.replace("{of_all}", "1").replace("{groups}", "is_now")
)


class _Days(Func):
    """The time between two times, for SQLite: Django's own difference calls Python for each row."""

    template = "(julianday(%(expressions)s))"
    arg_joiner = ") - julianday("
    output_field = FloatField()


def percentiles(sessions: QuerySet[Session]) -> dict[tuple[Hashable, bool], Waits]:
    """Percentiles of the time in queue, by (key, is now), the annotations of `sessions`; those of all rows by (ALL, is now)."""
    is_postgresql = connection.vendor == "postgresql"
    times = F("claimed_at"), F("entry__created_at")
    wait = ExpressionWrapper(times[0] - times[1], output_field=DurationField()) if is_postgresql else _Days(*times)
    first = sessions.filter(attempt=1).order_by().annotate(wait=wait).values("key", "is_now", "wait")
    sql, parameters = first.query.sql_with_params()
    template, ordered = (_POSTGRESQL, (*SHARES, *parameters)) if is_postgresql else (_SQLITE, (*parameters, *SHARES, *SHARES))
    with connection.cursor() as cursor:
        cursor.execute(template.format(first=sql), ordered)
        rows = cursor.fetchall()
    return {(ALL if of_all else key, bool(is_now)): Waits(*map(_wait, waits)) for of_all, key, is_now, *waits in rows}


def _wait(value: Any) -> timedelta | None:
    """SQLite's days are exact to a tenth of a millisecond."""
    return timedelta(milliseconds=round(value * 86_400_000)) if isinstance(value, float) else value
