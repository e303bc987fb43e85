"""The metric of the last backup, from one statement."""

from collections.abc import Iterator

from django.db.models import Max, Min, Subquery
from django.utils.timezone import now

from orchestration.metrics.families import Metric, new
from orchestration.models import Backup
from workspaces.models import Workspace


def metrics() -> Iterator[Metric]:
    """A backup that lacks something does not count. Before the first one the age is that of the first workspace; without any there is no series."""
    whole = Backup.objects.filter(is_whole=True).order_by().values("is_whole").annotate(at=Max("at")).values("at")
    times = Workspace.objects.annotate(newest=Subquery(whole)).aggregate(first=Min("created_at"), last=Max("newest"))
    age = new("muster_backup_age_seconds")
    if at := times["last"] or times["first"]:
        age.add_metric([], (now() - at).total_seconds())
    yield age
