"""P13: 10,000 entries that wait for one locked file, in line before 20 free ones: how long until those start after one message."""

from unittest.mock import patch

from bench.backlogs import a_worker, a_workspace, end_sessions, fill, median, milliseconds, sql
from orchestration.executor import dispatch
from orchestration.messaging import wake_ups
from orchestration.models import Session
from workspaces.models import Workspace

FREE = 20
TIMES = 5


def main() -> None:
    a_worker()
    for locked in (0, 10_000):
        shop = a_workspace(max_workers=FREE + 1)
        fill(shop, locked + 1)
        sql("UPDATE orchestration_entry SET paths = '[\"src/one.py\"]' WHERE workspace_id = %s", shop.pk)
        fill(shop, FREE)
        runs = [_until_started(shop) for _ in range(TIMES)]
        ms, messages = median([run[0] for run in runs]), max(run[1] for run in runs)
        print(f"P13 {locked:6} locked entries ahead of {FREE} free ones: {ms:.0f} ms, {messages} messages (goal <= 2000 ms)")


def _until_started(shop: Workspace) -> tuple[float, int]:
    """(milliseconds, cycles) from one message until all free entries have sessions. Undone afterwards."""
    messages = [shop.pk]
    cycles = 0

    def run() -> None:
        nonlocal cycles
        while messages:
            dispatch.cycle(messages.pop())
            cycles += 1

    with (
        patch.object(wake_ups, "enqueue_sessions"),
        patch.object(wake_ups, "publish_change"),
        patch.object(wake_ups, "enqueue_cycle", messages.append),
    ):
        spent = milliseconds(run)
    assert Session.objects.filter(workspace=shop, status__in=Session.OPEN).count() == FREE + 1
    end_sessions(shop)
    sql("UPDATE orchestration_entry SET status = 'pending', parked_behind_id = NULL WHERE workspace_id = %s", shop.pk)
    return spent, cycles
