"""The age of the oldest entry that could start and does not, from the heads of a few lines: a scrape looks at no whole backlog."""

from collections.abc import Iterator, Mapping

from django.db.models import Min
from django.utils.timezone import now

from orchestration.executor import explain
from orchestration.metrics.families import Metric, new
from orchestration.models import Entry

PATIENCE_S = 60.0
"""Entries that wait for less are not looked at: the next cycle may start them."""
MOST = 5
"""Workspaces, those with the oldest entries: each takes a few statements."""
HEAD = 20


def metrics(ready: Mapping[str, float]) -> Iterator[Metric]:
    """`ready`: by workspace, since when its oldest entry without a stored reason waits, in seconds."""
    ages = dict.fromkeys(ready, 0.0)
    late = sorted((workspace for workspace, age in ready.items() if age > PATIENCE_S), key=ready.__getitem__, reverse=True)
    for workspace in late[:MOST]:
        _, line = explain.explain(workspace, limit=HEAD)
        starting = [explanation.entry.id for explanation in line if explanation.why is None]
        if starting and (since := Entry.objects.filter(pk__in=starting).aggregate(at=Min("updated_at"))["at"]):
            ages[workspace] = (now() - since).total_seconds()
    oldest = new("muster_oldest_startable_seconds")
    for workspace, age in ages.items():
        oldest.add_metric([workspace], age)
    yield oldest
