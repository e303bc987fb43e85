"""Warnings at shares of the cap. A trigger fires each once, in the transaction that crosses it (sql/)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from budget import events
from budget.models import Project, ThresholdCrossing
from workspaces import activity
from workspaces.access import Caller

MAX_PERCENT = 1000  # percent: spend exceeds a cap that was lowered below it
MAX_COUNT = 20


@dataclass(frozen=True, slots=True)
class Threshold:
    """A share of the cap. `amount` in micro-USD of the present cap; `fired_at` and `spent_then`: None while it is armed."""

    percent: int
    amount: int
    fired_at: datetime | None
    spent_then: int | None


def for_project(workspace_id: str, *, project: Project | None = None) -> list[Threshold]:
    """A project's thresholds, lowest first. Two queries, or one where the caller has the project."""
    project = project or Project.objects.get(pk=workspace_id)
    fired = {row.percent: row for row in ThresholdCrossing.objects.filter(project=project, rearmed_at__isnull=True)}
    thresholds = []
    for percent in sorted(project.thresholds):
        row = fired.get(percent)
        amount = project.max_project_spend * percent // 100
        thresholds.append(Threshold(percent, amount, row.at if row else None, row.spent if row else None))
    return thresholds


def replace(workspace_id: str, percents: Sequence[int], *, by: Caller, reason: str = "") -> list[Threshold]:
    """Warn at these percents of the cap instead (1 to 1000, checked by the caller). A threshold below the spend fires at once."""
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=workspace_id)
        before, after = project.thresholds, sorted(set(percents))
        if before != after:
            Project.objects.filter(pk=workspace_id).update(thresholds=after)
            event = events.ThresholdsSet(before=before, after=after)
            activity.record(workspace_id, event, by=by, object_id=workspace_id, reason=reason)
        return for_project(workspace_id)
