"""Warnings at shares of the cap. A trigger fires each once, in the transaction that crossed it (sql/)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from budget import events
from budget.models import Project, ThresholdCrossing
from workspaces import activity
from workspaces.access import Caller

HIGHEST = 1000  # percent: spend can pass the cap, where it was lowered below what is spent
MOST = 20


@dataclass(frozen=True, slots=True)
class Threshold:
    """A share of the cap. `amount`: what it is now, in micro-USD; `fired_at` and `spent_then`: None while it is armed."""

    percent: int
    amount: int
    fired_at: datetime | None
    spent_then: int | None


def of(workspace_id: str, *, project: Project | None = None) -> list[Threshold]:
    """A project's thresholds, lowest first. Two queries, or one where the caller has the project."""
    project = project or Project.objects.get(pk=workspace_id)
    fired = {row.percent: row for row in ThresholdCrossing.objects.filter(project=project, rearmed_at__isnull=True)}
    made = []
    for percent in sorted(project.thresholds):
        row = fired.get(percent)
        amount = project.max_project_spend * percent // 100
        made.append(Threshold(percent, amount, row.at if row else None, row.spent if row else None))
    return made


def set_to(workspace_id: str, percents: Sequence[int], *, by: Caller, reason: str = "") -> list[Threshold]:
    """Warn at these percents of the cap instead (1 to 1000, checked by the caller). One that is passed already fires at once."""
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=workspace_id)
        before, after = project.thresholds, sorted(set(percents))
        if before != after:
            Project.objects.filter(pk=workspace_id).update(thresholds=after)
            event = events.ThresholdsSet(before=before, after=after)
            activity.record(workspace_id, event, by=by, object_id=workspace_id, reason=reason)
        return of(workspace_id)
