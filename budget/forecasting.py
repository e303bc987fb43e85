"""Reads what a forecast needs: six queries, and of the history only the newest sessions and what they worked on."""

from datetime import datetime

from django.utils import timezone

from budget import estimates, forecast, reallocation, terms
from budget.allocation import Row, Snapshot
from budget.forecast import Forecast
from budget.lifetimes import Life
from budget.models import Hold, Project

MOST_SESSIONS = 400  # more than two active hours of a busy workspace hold


def of(
    workspace_id: str,
    *,
    at: datetime | None = None,
    paused: bool | None = None,
    project: Project | None = None,
    ahead: bool = True,
) -> Forecast:
    """The forecast of a workspace. `paused`: nothing is being started, so no date is told; None: as it is now. `project`: where the
    caller has it already. Without `ahead` only the pace and the day of the cap are told, for one query instead of six."""
    at_present = terms.of(workspace_id) if ahead or paused is None else None
    project = project or Project.objects.get(pk=workspace_id)
    settled = Hold.objects.filter(project_id=workspace_id, state=Hold.State.SETTLED, drawn__gt=0)
    newest = settled.order_by("-id").values_list("drawn", "opened_at", "settled_at", "amount")[:MOST_SESSIONS]
    worked = tuple(
        forecast.Worked(cost, began.timestamp(), ended.timestamp(), held) for cost, began, ended, held in newest if ended
    )
    by_sessions = project.entry_spent + project.interceptor_spent
    facts = forecast.Facts(
        at=at or timezone.now(),
        spent=project.total_spent,
        cap=project.max_project_spend,
        worked=worked,
        overhead=_for_each(project.total_spent, by_sessions),
        beside=_for_each(project.total_spent, project.entry_spent),
        lives=lives(reallocation.snapshot(project, at_present)) if ahead and at_present else None,
        paused=paused if paused is not None else bool(at_present and not at_present.running),
    )
    return forecast.of(facts)


def lives(seen: Snapshot) -> tuple[Life, ...]:
    """The open entries and the newest ended ones, as far as they have come."""
    ended = [Life(len(rounds), sum(one.cost for one in rounds), 0, over=True) for rounds in seen.history]
    usual = estimates.typical((row.rounds for row in seen.rows), least=seen.min_round, most=seen.round_ceiling)
    return (*ended, *(_life(row, usual, seen) for row in seen.rows if row.status not in ("done", "failed")))


def _life(row: Row, usual: estimates.Typical, seen: Snapshot) -> Life:
    ahead = estimates.outlook(
        row.rounds,
        usual,
        counted=row.counted,
        plateau_rounds=seen.plateau_rounds,
        plateau_epsilon=seen.plateau_epsilon,
    )
    over = ahead.stuck or row.rounds_left <= 0
    return Life(len(row.rounds), sum(one.cost for one in row.rounds), row.rounds_left, over)


def _for_each(total: int, part: int) -> float:
    return total / part if part > 0 else 1.0
