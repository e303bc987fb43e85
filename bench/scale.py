"""S1 and S2: a cycle costs what it dispatches, not what the backlog holds."""

from unittest.mock import patch

from bench.backlogs import a_worker, a_workspace, buffers, end_sessions, fill, median, milliseconds, sql
from orchestration.executor import dispatch
from orchestration.messaging import wake_ups
from workspaces.models import Workspace

DISPATCHED = 10
TIMES = 15


def main() -> None:
    a_worker()
    with patch.object(wake_ups, "enqueue_sessions"), patch.object(wake_ups, "publish_change"):
        small, large = a_workspace(max_workers=DISPATCHED), a_workspace(max_workers=DISPATCHED)
        fill(small, 1_000)
        fill(large, 1_000_000)
        sql("VACUUM ANALYZE")
        costs = {shop.pk: _cost(shop) for shop in (small, large)}
        ms = {pk: median([item for item, _ in result]) for pk, result in costs.items()}
        pages = {pk: median([two for _, two in result]) for pk, result in costs.items()}
        print(
            f"S1  10^6 entries: {ms[large.pk]:.2f} ms, {pages[large.pk]:.0f} buffers; 10^3: {ms[small.pk]:.2f} ms, "
            f"{pages[small.pk]:.0f} buffers; ratio {ms[large.pk] / ms[small.pk]:.2f}x, {pages[large.pk] / pages[small.pk]:.2f}x (goal <= 1.3x)"
        )
        idle = a_workspace()
        sql("UPDATE orchestration_entry SET workspace_id = %s, status = 'done' WHERE workspace_id = %s", idle.pk, large.pk)
        sql("VACUUM ANALYZE")
        result = [(milliseconds(lambda: dispatch.cycle(idle.pk)), 0) for _ in range(TIMES)]
        touched = [buffers(lambda: dispatch.cycle(idle.pk)) for _ in range(TIMES)]
        print(
            f"S2  idle cycle at 10^6 entries: {median([item for item, _ in result]):.2f} ms, {median(touched):.0f} buffers (goal <= 2 ms, <= 200)"
        )


def _cost(shop: Workspace) -> list[tuple[float, float]]:
    """(milliseconds, buffers) of cycles that dispatch ten each. Time and buffers in separate runs: measuring buffers costs time."""
    result = []
    for n in range(TIMES + 2):
        time = milliseconds(lambda: dispatch.cycle(shop.pk))
        end_sessions(shop)
        touched = buffers(lambda: dispatch.cycle(shop.pk))
        end_sessions(shop)
        if n >= 2:
            result.append((time, touched))
    return result
