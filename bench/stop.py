"""K1 and K2. From the commit of a stop to the death of the agent's group, through database, Valkey, worker and shim; the reference
publishes to a process that does nothing but killpg."""

import os
import select
import time

from django.db import transaction

from bench.backlogs import a_workspace, end_sessions, fill, median
from bench.stopping.stop_workers import CHANNEL, Worker
from orchestration import sessions
from orchestration.executor import dispatch
from orchestration.messaging import publishing
from orchestration.models import Session
from workspaces.access import Caller
from workspaces.models import Workspace

TIMES, WARM = 60, 3
DEAF_TIMES = 12
GRACE_S = 0.5
BENCH = Caller("bench")


def main() -> None:
    shop = a_workspace(max_workers=1)
    fill(shop, TIMES + WARM + DEAF_TIMES)
    muster, bare = Worker("muster"), Worker("bare")
    try:
        ours, sent, reference = [], [], []
        for n in range(TIMES + WARM):
            item = _stop(shop, muster, "sleeps", 5)
            other = _bare(bare)
            if n >= WARM:
                ours.append(item[0])
                sent.append(item[1])
                reference.append(other)
        deaf = [_stop(shop, muster, "deaf", GRACE_S)[0] - GRACE_S * 1000 for _ in range(DEAF_TIMES)]
    finally:
        muster.end()
        bare.end()
    print(
        f"K1  stop committed to group gone: p50 {median(ours):.1f} ms, p95 {_p95(ours):.1f} ms; publish and killpg alone: "
        f"p50 {median(reference):.1f} ms, p95 {_p95(reference):.1f} ms; ratio {median(ours) / median(reference):.2f}x (goal p50 <= 3x, p95 <= 50 ms)"
    )
    print(f"    proven dead and known to the worker: p50 {median(sent):.1f} ms, p95 {_p95(sent):.1f} ms")
    print(f"K2  an agent that ignores TERM: the grace and {median(deaf):.1f} ms, at most {max(deaf):.1f} ms (goal <= 20 ms)")


def _stop(shop: Workspace, worker: Worker, agent: str, grace_s: float) -> tuple[float, float]:
    """Milliseconds from the commit until the agent is gone, and until its worker knows that nothing of it is left."""
    assert len(dispatch.cycle(shop.pk).started) == 1
    session = Session.objects.get(workspace=shop, status=Session.Status.CLAIMED)
    pid = worker.start(session.pk, session.attempt, agent, grace_s)
    time.sleep(0.05)
    committed: list[float] = []
    with Death(pid) as death, transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.perf_counter()))
        sessions.stop(shop.pk, session.pk, by=BENCH)
    gone = death.at
    assert worker.read().startswith("over")
    sent = time.perf_counter()
    end_sessions(shop)
    return (gone - committed[0]) * 1000, (sent - committed[0]) * 1000


def _bare(worker: Worker) -> float:
    pid = worker.start()
    time.sleep(0.05)
    with Death(pid) as death:
        began = time.perf_counter()
        publishing.client().publish(CHANNEL, "")
    gone = death.at
    worker.read()
    return (gone - began) * 1000


class Death:
    """When a process died, by a handle that cannot mean another one. Waited for after the block."""

    def __init__(self, pid: int) -> None:
        self._handle = os.pidfd_open(pid)

    def __enter__(self) -> "Death":
        return self

    def __exit__(self, *_: object) -> None:
        select.select([self._handle], [], [], 30)
        self.at = time.perf_counter()
        os.close(self._handle)


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
