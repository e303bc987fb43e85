"""The counters of rounds, sessions and landings that ended, from sums that triggers keep: none ever falls."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet, Sum

from orchestration.metrics.families import Metric, new
from orchestration.models import Landing, OutcomeCount, Round, Session

MOST = 20
"""Rows of one kind that are left as they are."""

BATCH = 1000
LANDING_RESULTS = (Landing.State.LANDED, Landing.State.REFUSED, Landing.State.SENT_BACK, Landing.State.WITHDRAWN)
FROM_THE_START: dict[str, Sequence[tuple[str, str]]] = {
    OutcomeCount.Of.ROUND: [("", verdict) for verdict in Round.Verdict if verdict != Round.Verdict.OPEN],
    OutcomeCount.Of.SESSION: [(Session.Role.IMPLEMENT, outcome) for outcome in Session.Outcome],
    OutcomeCount.Of.LANDING: [(Landing.Kind.ENTRY, state) for state in LANDING_RESULTS],
}
"""Shown as 0 before the first: an increase is measured from there."""


def metrics(workspace_ids: Sequence[str]) -> Iterator[Metric]:
    """One statement."""
    numbers = {
        (of, workspace, kind, result): 0
        for workspace in workspace_ids
        for of, results in FROM_THE_START.items()
        for kind, result in results
    }
    groups = _by_group(OutcomeCount.objects.filter(workspace__in=workspace_ids)).annotate(sum=Sum("number"))
    numbers |= {(row["of"], row["workspace_id"], row["kind"], row["result"]): row["sum"] for row in groups}
    ended = {
        OutcomeCount.Of.ROUND: new("muster_rounds"),
        OutcomeCount.Of.SESSION: new("muster_sessions_ended"),
        OutcomeCount.Of.LANDING: new("muster_landings"),
    }
    for (of, workspace, kind, result), number in numbers.items():
        labels = [workspace, result] if of == OutcomeCount.Of.ROUND else [workspace, kind, result]
        ended[OutcomeCount.Of(of)].add_metric(labels, number)
    yield from ended.values()


def add_up(until: float = float("inf")) -> int:
    """Replace many rows of one kind by their sums. `until`: when to leave the rest, by the monotonic clock. Returns how many rows went."""
    removed = 0
    many = _by_group(OutcomeCount.objects.all()).annotate(rows=Count("pk")).filter(rows__gt=MOST)
    for group in list(many.values("workspace_id", "of", "kind", "result")):
        while time.monotonic() < until and (went := _add_up(group)):
            removed += went
    return removed


def _add_up(group: Mapping[str, Any]) -> int:
    """A reader sees all of the rows or their sum, and a second process waits."""
    with transaction.atomic():
        rows = list(OutcomeCount.objects.select_for_update().filter(**group).order_by("pk")[:BATCH])
        if len(rows) <= MOST:
            return 0
        OutcomeCount.objects.filter(pk__in=[row.pk for row in rows]).delete()
        OutcomeCount.objects.create(**group, number=sum(row.number for row in rows))
    return len(rows) - 1


def _by_group(rows: QuerySet[OutcomeCount]) -> QuerySet[OutcomeCount, Any]:
    return rows.order_by().values("workspace_id", "of", "kind", "result")
