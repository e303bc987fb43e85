"""Reads what a forecast needs: five queries, and of the history only the newest sessions and what they worked on."""

from datetime import datetime

from django.utils import timezone

from budget.allocation import Row, Snapshot, estimates, policy, reallocation
from budget.allocation.policy import Policy
from budget.forecast import projection
from budget.forecast.duration_model import Life
from budget.forecast.projection import Forecast
from budget.models import Hold, Project

MOST_SESSIONS = 400  # more than two active hours of a busy workspace hold


def of(
    workspace_id: str,
    *,
    at: datetime | None = None,
    paused: bool | None = None,
    project: Project | None = None,
    agreed: Policy | None = None,
) -> Forecast:
    """The forecast of a workspace. `paused`: nothing is being started, so no date is told; None: as it is now. `project`, `agreed`: where
    the caller has them already."""
    at_present = agreed or policy.of(workspace_id)
    project = project or Project.objects.get(pk=workspace_id)
    settled = Hold.objects.filter(project_id=workspace_id, state=Hold.State.SETTLED, drawn__gt=0)
    newest = settled.order_by("-id").values_list("drawn", "opened_at", "settled_at", "amount")[:MOST_SESSIONS]
    worked = tuple(
        projection.Worked(cost, began.timestamp(), ended.timestamp(), held) for cost, began, ended, held in newest if ended
    )
    by_sessions = project.entry_spent + project.interceptor_spent
    facts = projection.Facts(
        at=at or timezone.now(),
        spent=project.total_spent,
        cap=project.max_project_spend,
        worked=worked,
        overhead=_for_each(project.total_spent, by_sessions),
        beside=_for_each(project.total_spent, project.entry_spent),
        lives=lives(reallocation.snapshot(project, at_present)),
        paused=not at_present.running if paused is None else paused,
    )
    return projection.of(facts)


def ends(project: Project) -> dict[str, int]:
    """Open account to what its entry will have cost (micro-USD): spent, and what it still needs, as far as its rounds go. Those of which
    nothing is known yet are left out. Three queries."""
    seen = reallocation.snapshot(project, policy.of(project.pk))
    usual = estimates.typical((*(row.rounds for row in seen.rows), *seen.history), least=seen.min_round, most=seen.round_ceiling)
    return {row.id: row.spent + _ahead(row, usual, seen) for row in seen.rows if _is_open(row) and (usual.known or row.rounds)}


def _ahead(row: Row, usual: estimates.Typical, seen: Snapshot) -> int:
    expects = _outlook(row, usual, seen)
    return 0 if expects.stuck else min(expects.need, max(row.rounds_left, 0) * expects.round)


def lives(seen: Snapshot) -> tuple[Life, ...]:
    """The open entries and the newest ended ones, as far as they have come."""
    ended = [Life(len(rounds), sum(one.cost for one in rounds), 0, over=True) for rounds in seen.history]
    usual = estimates.typical((row.rounds for row in seen.rows), least=seen.min_round, most=seen.round_ceiling)
    return (*ended, *(_life(row, usual, seen) for row in seen.rows if _is_open(row)))


def _life(row: Row, usual: estimates.Typical, seen: Snapshot) -> Life:
    over = _outlook(row, usual, seen).stuck or row.rounds_left <= 0
    return Life(len(row.rounds), sum(one.cost for one in row.rounds), row.rounds_left, over)


def _outlook(row: Row, usual: estimates.Typical, seen: Snapshot) -> estimates.Outlook:
    return estimates.outlook(
        row.rounds,
        usual,
        counted=row.counted,
        plateau_rounds=seen.plateau_rounds,
        plateau_epsilon=seen.plateau_epsilon,
    )


def _is_open(row: Row) -> bool:
    return row.status not in ("done", "failed")


def _for_each(total: int, part: int) -> float:
    return total / part if part > 0 else 1.0
