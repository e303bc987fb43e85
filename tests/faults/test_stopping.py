"""A stop through the whole house: heard at once although nobody polls, and heard all the same while Valkey is dead."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.harness import Running, until
from tests.faults.test_kills import QUICK, Work

Start = Callable[..., Running]


def at_work(start: Start, prepared: Path, data: Path, folder: Path, **extra: str) -> Work:
    shutil.copytree(prepared, data)
    work = Work(start(**{**QUICK, **extra}, MUSTER_REPO_ROOTS=str(folder)), folder, seconds=60)
    work.start()
    return work


def test_a_stop_does_not_wait_for_the_poll(start: Start, prepared: Path, data: Path, tmp_path: Path) -> None:
    work = at_work(start, prepared, data, tmp_path, MUSTER_POLL_S="30", MUSTER_LEASE_S="600")
    time.sleep(0.5)
    work.call("POST", "/executor/stop-all")
    took = until(lambda: not work.agents(), 10)
    print(f"stop-all without a poll: {took:.3f} s")
    until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 10)


def test_a_stop_is_heard_while_valkey_is_dead(start: Start, prepared: Path, data: Path, tmp_path: Path) -> None:
    work = at_work(start, prepared, data, tmp_path)
    os.kill(work.up.children()["valkey"], signal.SIGKILL)
    work.call("POST", "/executor/stop-all")
    until(lambda: not work.agents(), 10)
