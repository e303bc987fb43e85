"""A stop through a complete Muster: it works at once without a poll, and also while Valkey is down."""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.harness import Running, is_running, until
from tests.faults.test_kills import QUICK, Work, _finishes, _marker

pytestmark = pytest.mark.alone  # its bounds are seconds

Start = Callable[..., Running]


def started_work(start: Start, prepared: Path, data: Path, folder: Path, **extra: str) -> Work:
    shutil.copytree(prepared, data)
    work = Work(start(**{**QUICK, **extra}, MUSTER_REPO_ROOTS=str(folder)), folder, seconds=60)
    work.start()
    return work


def test_a_stop_does_not_wait_for_the_poll(start: Start, prepared: Path, data: Path, tmp_path: Path) -> None:
    work = started_work(start, prepared, data, tmp_path, MUSTER_POLL_S="30", MUSTER_LEASE_S="600")
    time.sleep(0.5)
    work.call("POST", "/executor/stop-all")
    took = until(lambda: not work.agents(), 10)
    print(f"stop-all without a poll: {took:.3f} s")
    until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 10)


def test_a_stop_works_while_valkey_is_down(start: Start, prepared: Path, data: Path, tmp_path: Path) -> None:
    work = started_work(start, prepared, data, tmp_path)
    os.kill(work.up.children()["valkey"], signal.SIGKILL)
    work.call("POST", "/executor/stop-all")
    until(lambda: not work.agents(), 10)


def test_the_reaper_kills_a_session_whose_worker_is_frozen(start: Start, prepared: Path, data: Path, tmp_path: Path) -> None:
    """Its lease would last another ten minutes. The worker that continues learns that it has lost the session."""
    shutil.copytree(prepared, data)
    work = Work(start(**{**QUICK, "MUSTER_LEASE_S": "600"}, MUSTER_REPO_ROOTS=str(tmp_path)), tmp_path, seconds=6.0)
    work.start()
    work.call("POST", "/executor/pause")
    frozen = work.up.children()["sessions"]
    os.kill(frozen, signal.SIGSTOP)
    try:
        victim = next(session for session in work.call("GET", "/executor/workers")["workers"])
        marked = [process for process in psutil.process_iter() if _marker(process) == victim["sessionID"]]
        command = f"sessions.kill({work.id!r}, {victim['sessionID']!r}, by=MUSTER)"
        work.up.muster("shell", "-c", f"from orchestration import sessions; from workspaces.access import MUSTER; {command}")
        until(lambda: not any(is_running(process.pid) for process in marked), 15)
        until(lambda: _outcome(work, victim) == "lost", 10)
        assert marked and _entry(work, victim)["status"] == "pending"
    finally:
        os.kill(frozen, signal.SIGCONT)
    time.sleep(1.5)
    assert _outcome(work, victim) == "lost" and _entry(work, victim)["status"] == "pending"
    work.call("POST", "/executor/resume")
    _finishes(work)


def _outcome(work: Work, victim: Any) -> str:
    with sqlite3.connect(work.up.data / "muster.sqlite3") as database:
        row = database.execute("SELECT outcome FROM orchestration_session WHERE id = ?", [victim["sessionID"]]).fetchone()
    return str(row[0])


def _entry(work: Work, victim: Any) -> Any:
    return next(entry for entry in work.call("GET", "/todo")["entries"] if entry["id"] == victim["entryID"])
