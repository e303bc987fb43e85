"""The time that entries waited for their first session: percentiles by nearest rank, computed by the database in one query."""

from collections import defaultdict
from collections.abc import Hashable
from datetime import timedelta
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Window
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import RowNumber

from dashboard.insight.figures import Waits
from orchestration.models import Session

ALL = object()
"""The key of all groups together."""
PERCENTILES = {"p50": 50, "p95": 95}


def percentiles(sessions: QuerySet[Session]) -> dict[tuple[Hashable, bool], Waits]:
    """By (key, is now), the annotations of `sessions`, and by (ALL, is now)."""
    wait = ExpressionWrapper(F("claimed_at") - F("entry__created_at"), output_field=DurationField())
    first = sessions.filter(attempt=1).order_by().annotate(wait=wait)
    ranked = _ranked(_ranked(first, "", "key", "is_now"), "_of_all", "is_now")
    at_rank = Q()
    for percent in PERCENTILES.values():
        at_rank |= Q(rank=_rank(percent, "n")) | Q(rank_of_all=_rank(percent, "n_of_all"))
    waits: dict[tuple[Hashable, bool], dict[str, timedelta]] = defaultdict(dict)
    for row in ranked.filter(at_rank).values("key", "is_now", "wait", "rank", "n", "rank_of_all", "n_of_all"):
        for name, percent in PERCENTILES.items():
            if row["rank"] == -(-percent * row["n"] // 100):
                waits[row["key"], row["is_now"]][name] = row["wait"]
            if row["rank_of_all"] == -(-percent * row["n_of_all"] // 100):
                waits[ALL, row["is_now"]][name] = row["wait"]
    return {key: Waits(**named) for key, named in waits.items()}


def _ranked(sessions: QuerySet[Any], suffix: str, *columns: str) -> QuerySet[Any]:
    partition = [F(column) for column in columns]
    rank = Window(RowNumber(), partition_by=partition, order_by="wait")
    ranked: QuerySet[Any] = sessions.annotate(
        **{f"rank{suffix}": rank, f"n{suffix}": Window(Count("pk"), partition_by=partition)}
    )
    return ranked


def _rank(percent: int, n: str) -> CombinedExpression:
    """Percent of n, rounded up. Integers."""
    return (F(n) * percent + 99) / 100
