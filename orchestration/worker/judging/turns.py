"""Turns: at most MUSTER_JUDGES judgements run setup and checks at once on this host.

Who has a turn waits for no verdict of another one: that one may wait for a turn.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from django.conf import settings

from orchestration.worker.judging.checks import Runner
from workspaces.machine import file_locks

POLL_S = 0.2
_of_thread = threading.local()


@contextmanager
def turn(runner: Runner) -> Iterator[None]:
    """Have a turn until the end of the block. A judgement inside another one, as that of a base, shares its turn: else it would wait for itself."""
    if not settings.JUDGES or getattr(_of_thread, "has_turn", False):
        yield
        return
    lock = _wait(runner)
    _of_thread.has_turn = True
    try:
        yield
    finally:
        _of_thread.has_turn = False
        if lock is not None:
            lock.close()


def _wait(runner: Runner) -> IO[str] | None:
    """None where the file system has no locks: a judgement runs then as well."""
    is_waiting = False
    while True:
        for n in range(settings.JUDGES):
            try:
                lock = file_locks.take(settings.DATA_DIR / "locks" / "judges" / str(n))
            except OSError:
                return None
            if lock is not None:
                return lock
        if not is_waiting:
            runner.note_wait(f"The judgement waits for its turn: {settings.JUDGES} run on this host (MUSTER_JUDGES)")
            is_waiting = True
        runner.keep()
        time.sleep(POLL_S)
