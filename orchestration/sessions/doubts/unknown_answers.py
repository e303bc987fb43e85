"""The end of unknown money (`budget.ledger.unknown`): after the config's `unknown_after_h` it is settled at what was seen."""

from datetime import timedelta

from django.db.models import Min
from django.utils import timezone

from budget.ledger import unknown
from orchestration import configuration
from orchestration.models import Executor
from workspaces.access import MUSTER
from workspaces.values.standing_query import StandingQuery

_any = StandingQuery(unknown.holds)


def settle_overdue() -> int:
    """Settle what nobody has counted in time. Returns how many reservations."""
    if not _any.any():
        return 0
    oldest = dict(unknown.holds().order_by().values_list("project_id").annotate(Min("unknown_since")))
    settled = 0
    for workspace_id, config in Executor.objects.filter(pk__in=oldest).values_list("pk", "config"):
        hours = configuration.load(config).unknown_after_h
        due = timezone.now() - timedelta(hours=hours)
        if oldest[workspace_id] > due:
            continue
        for hold in unknown.holds().filter(project_id=workspace_id, unknown_since__lte=due).order_by("pk"):
            settled += unknown.settle(hold, by=MUSTER, why=f"{hours} hours are over") is not None
    return settled
