"""The reason why each entry waits, from the same checks that the cycle uses (invariant 10)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestration.executor import plan as planning
from orchestration.executor import ready_line, snapshot
from orchestration.executor.plan import Capacity, Check, CycleInput, Waiting

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Explanation:
    """The checks of one entry; `why` is the first that fails, None when it starts in the next cycle."""

    entry: Waiting
    checks: list[Check]
    why: Check | None


def explain(workspace_id: str, *, after: tuple[int, ...] = (), limit: int = 500) -> tuple[CycleInput, list[Explanation]]:
    """Entries that are not done and have no session, in the executor's order. Entries behind the free slots wait for a slot."""
    cycle_input = snapshot.cycle_input(workspace_id, lock=False)
    line = snapshot.unfinished(workspace_id, cycle_input, after=after, limit=limit)
    if after:
        cycle_input = replace(cycle_input, free_slots=0)
    return cycle_input, _explained(workspace_id, cycle_input, line)


def whole(workspace_id: str) -> Iterator[Explanation]:
    """The same, of all entries that wait, in chunks: each costs a fixed number of statements."""
    after: tuple[int, ...] = ()
    while True:
        _, explained = explain(workspace_id, after=after, limit=CHUNK)
        yield from explained
        if len(explained) < CHUNK:
            return
        after = ready_line.place(explained[-1].entry)


def reasons(workspace_id: str, entry_ids: Sequence[str]) -> dict[str, Explanation]:
    """Explanations of those of these entries that wait. Four statements, whatever the number."""
    return reasons_and_common(workspace_id, entry_ids)[0] if entry_ids else {}


def reasons_and_common(workspace_id: str, entry_ids: Sequence[str]) -> tuple[dict[str, Explanation], list[Check]]:
    """The same, and the failing checks that all entries share. The head of the ready line is checked first, because it gets the slots."""
    cycle_input = snapshot.cycle_input(workspace_id, lock=False)
    ahead = cycle_input.free_slots + snapshot.MARGIN
    limit = len(entry_ids) + ahead
    line = snapshot.unfinished(workspace_id, cycle_input, entry_ids=list(entry_ids), ahead=ahead, limit=limit)
    requested = set(entry_ids)
    explanations = {
        explanation.entry.id: explanation
        for explanation in _explained(workspace_id, cycle_input, line)
        if explanation.entry.id in requested
    }
    return explanations, [check for check in planning.common(Capacity(cycle_input)) if not check.passed]


def open_agents(workspace_id: str) -> frozenset[str]:
    """The names of agents for which entries do not wait, by the plan's check. Two statements."""
    return planning.open_agents(Capacity(snapshot.cycle_input(workspace_id, lock=False)))


def _explained(workspace_id: str, cycle_input: CycleInput, line: list[Waiting]) -> list[Explanation]:
    cycle_input = snapshot.with_locks(snapshot.with_money(cycle_input, workspace_id, line), workspace_id, line)
    capacity = planning.capacity_for(cycle_input, line)
    by_id = {entry.id: _explanation(entry, capacity) for entry in planning.in_turn(cycle_input, line)}
    return [by_id[entry.id] for entry in line]


def _explanation(entry: Waiting, capacity: Capacity) -> Explanation:
    checks = planning.checks(entry, capacity)
    why = next((check for check in checks if not check.passed), None)
    if why is None:
        planning.take(entry, capacity)
    else:
        planning.keep_money(entry, why, capacity)
    return Explanation(entry, checks, why)
