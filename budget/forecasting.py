"""Reads what a forecast needs: two queries, and of the history only the newest sessions."""

from datetime import datetime

from django.utils import timezone

from budget import forecast
from budget.forecast import Forecast
from budget.models import Hold, Project

MOST_SESSIONS = 400  # more than two active hours of a busy workspace hold


def of(workspace_id: str, *, at: datetime | None = None, paused: bool = False, project: Project | None = None) -> Forecast:
    """The forecast of a workspace. `paused`: the caller knows that nothing is being started, so no date is told. `project`: where the
    caller has it already."""
    project = project or Project.objects.get(pk=workspace_id)
    newest = Hold.objects.filter(project_id=workspace_id, state=Hold.State.SETTLED, settled_at__isnull=False, drawn__gt=0)
    rows = newest.order_by("-id").values_list("drawn", "opened_at", "settled_at")[:MOST_SESSIONS]
    worked = tuple(forecast.Worked(cost, began.timestamp(), ended.timestamp()) for cost, began, ended in rows if ended)
    by_sessions = project.entry_spent + project.interceptor_spent
    facts = forecast.Facts(
        at=at or timezone.now(),
        spent=project.total_spent,
        cap=project.max_project_spend,
        worked=worked,
        overhead=project.total_spent / by_sessions if by_sessions > 0 else 1.0,
        paused=paused,
    )
    return forecast.of(facts)
