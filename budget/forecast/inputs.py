"""Reads what a forecast needs: at most nine queries, of the history only the newest sessions and their entries, of the backlog a sample."""

from datetime import datetime

from django.db.models.functions import Coalesce
from django.utils import timezone

from budget.allocation import Row, Snapshot, estimates, policy, reallocation
from budget.allocation.policy import Policy
from budget.categories import ACCOUNT_COLUMNS
from budget.forecast import projection
from budget.forecast.projection import Forecast
from budget.forecast.remaining_cost import Life
from budget.models import Hold, Project

MAX_SESSIONS = 400  # more than a busy workspace has in two active hours
MAX_OPEN = 1000  # open entries that are read; more are scaled up from this sample


def forecast(
    workspace_id: str,
    *,
    at: datetime | None = None,
    paused: bool | None = None,
    project: Project | None = None,
    with_backlog: bool = True,
) -> Forecast:
    """The forecast of a workspace. `paused`: no session starts, so there is no date; None: as it is now. `project`: where the caller has
    it already. Without `with_backlog` the cost at the backlog's end is not known, and no entry is read."""
    at_present = policy.load(workspace_id) if with_backlog or paused is None else None
    project = project or Project.objects.get(pk=workspace_id)
    # No permits: they may be open for a day. A session on a host that went away ended long before its reservation.
    states = (Hold.State.SETTLED, Hold.State.OPEN)
    drawing = Hold.objects.filter(project_id=workspace_id, state__in=states, drawn__gt=0, expires_at__isnull=True)
    columns = ("drawn", "opened_at", Coalesce("session__ended_at", "settled_at"), "amount", "state")
    newest = list(drawing.order_by("-id").values_list(*columns)[:MAX_SESSIONS])
    worked = tuple(
        projection.Worked(cost, began.timestamp(), ended.timestamp(), held)
        for cost, began, ended, held, state in newest
        if ended and state == Hold.State.SETTLED
    )
    now = (at or timezone.now()).timestamp()
    running = tuple(
        projection.Worked(cost, began.timestamp(), max(now, began.timestamp()), held)
        for cost, began, _, held, state in newest
        if state == Hold.State.OPEN
    )
    backlog, each = _backlog(project, at_present) if with_backlog and at_present else (None, 1.0)
    by_sessions = sum(project.spent_on(name) for name in ACCOUNT_COLUMNS)
    facts = projection.Facts(
        at=at or timezone.now(),
        spent=project.total_spent,
        cap=project.max_project_spend,
        worked=worked,
        running=running,
        overhead=_for_each(project.total_spent, by_sessions),
        round_overhead=_for_each(project.total_spent, project.entry_spent),
        lives=backlog,
        each=each,
        paused=not at_present.running if paused is None and at_present else bool(paused),
    )
    return projection.predict(facts)


def final_costs(project: Project) -> dict[str, int]:
    """The cost of each open entry at its end, by account (micro-USD): spent, and its remaining need within its rounds. Entries without
    any data are left out. Four queries without estimates of agents."""
    seen = reallocation.snapshot(project, policy.load(project.pk))
    usual = estimates.find_typical(
        (*(row.rounds for row in seen.rows), *seen.history), min_round=seen.min_round, max_round=seen.round_ceiling
    )
    return {row.id: row.spent + _ahead(row, usual, seen) for row in seen.rows if _is_open(row) and (usual.known or row.rounds)}


def _ahead(row: Row, usual: estimates.Typical, seen: Snapshot) -> int:
    expects = _outlook(row, usual, seen)
    return 0 if expects.stuck else min(expects.need, max(row.rounds_left, 0) * expects.round)


def _backlog(project: Project, rules: Policy) -> tuple[tuple[Life, ...], float]:
    """The entries so far, and for how many each open one of them stands."""
    seen = reallocation.snapshot(project, rules, sample=MAX_OPEN)
    shown = sum(map(_is_open, seen.rows))
    return lives(seen), reallocation.count_open(project) / shown if shown >= MAX_OPEN else 1.0


def lives(seen: Snapshot) -> tuple[Life, ...]:
    """The open entries and the newest ended ones."""
    ended = [Life(len(rounds), sum(round_.cost for round_ in rounds), 0, over=True) for rounds in seen.history]
    usual = estimates.find_typical((row.rounds for row in seen.rows), min_round=seen.min_round, max_round=seen.round_ceiling)
    return (*ended, *(_life(row, usual, seen) for row in seen.rows if _is_open(row)))


def _life(row: Row, usual: estimates.Typical, seen: Snapshot) -> Life:
    over = _outlook(row, usual, seen).stuck or row.rounds_left <= 0
    return Life(len(row.rounds), sum(round_.cost for round_ in row.rounds), row.rounds_left, over)


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
