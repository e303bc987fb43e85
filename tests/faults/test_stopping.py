"""A stop through a complete Muster: it works at once without a poll, and also while Valkey is down."""

import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.harness import ROOT, Client, Running, is_running, until
from tests.faults.test_kills import QUICK, Work, _finishes, _marker
from tests.plugins.database import put_migrated

LONG_LEASE = QUICK | {"MUSTER_LEASE_S": "600"}


@pytest.fixture
def work(muster: tuple[Client, Path]) -> Iterator[Work]:
    """Its agents work for a minute."""
    client, folder = muster
    work = Work(client, Path(tempfile.mkdtemp(dir=folder)), seconds=60)
    yield work
    work.call("POST", "/executor/stop-all")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """A Muster in which a frozen worker keeps its sessions."""
    folder = tmp_path_factory.mktemp("patient")
    put_migrated(folder / "data")
    running = Running(folder / "data", **LONG_LEASE, MUSTER_REPO_ROOTS=str(folder))
    until(running.is_ready, 30)
    yield Client(running), folder
    running.process.terminate()
    running.process.wait(20)


def test_a_stop_does_not_wait_for_the_poll(start: Callable[..., Running], tmp_path: Path) -> None:
    up = start(**LONG_LEASE | {"MUSTER_POLL_S": "30"}, MUSTER_REPO_ROOTS=str(tmp_path))
    work = Work(Client(up), tmp_path, seconds=60)
    work.start()
    time.sleep(0.5)
    work.call("POST", "/executor/stop-all")
    took = until(lambda: not work.agents(), 10)
    print(f"stop-all without a poll: {took:.3f} s")
    until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 10)


def test_a_stop_works_while_valkey_is_down(work: Work) -> None:
    work.start()
    os.kill(work.up.children()["valkey"], signal.SIGKILL)
    work.call("POST", "/executor/stop-all")
    until(lambda: not work.agents(), 10)


def test_agents_that_froze_their_shims_are_stopped_all_the_same(work: Work) -> None:
    work.start()
    until(lambda: len(work.shims()) == len(work.call("GET", "/executor/workers")["workers"]) == 3, 20)
    frozen = work.shims()
    for shim in frozen:
        shim.suspend()
    answer = work.call("POST", "/executor/stop-all")
    assert answer == {"stopped": True} or (answer["stopped"] is False and answer["alive"])
    assert not (answer["stopped"] and work.agents()), "it is true"
    took = until(lambda: not work.agents(), 30)
    print(f"stop-all with frozen shims: {answer}, and {took:.3f} s later nothing lived")
    until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 20)
    ends = _ends(work)
    assert [outcome for outcome, _ in ends] == ["stopped"] * len(frozen)
    assert all("its shim did not answer the stop" in message for _, message in ends), ends


@pytest.mark.parametrize(
    "plans", ["ignore_term freeze setsid hidden sleep", "ignore_term stubborn_daemon sleep", "ignore_term bomb"]
)
def test_an_agent_that_defends_itself_is_gone_after_a_stop(work: Work, plans: str) -> None:
    folders = [work.up.data / "worktrees" / entry["id"] for entry in work.call("GET", "/todo")["entries"]]
    agent = [sys.executable, "-S", str(ROOT / "tests/orchestration/processes/fake_agent.py"), *plans.split()]
    work.call("PATCH", "/config", {"agent": {"command": agent}, "max_workers": 1})
    work.call("POST", "/executor/start")
    until(lambda: _inside(*folders), 30)
    time.sleep(1)  # whatever it starts meanwhile
    work.call("POST", "/executor/stop-all")
    took = until(lambda: not _inside(*folders), 30)
    print(f"{plans}: {took:.3f} s after the answer nothing lived")
    until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 20)


def test_stops_that_wait_take_no_thread_from_the_pages(patient: tuple[Client, Path]) -> None:
    """A frozen worker ends nothing, so that every stop waits its five seconds: more of them than the web server has threads for pages."""
    client, folder = patient
    work = Work(client, Path(tempfile.mkdtemp(dir=folder)), seconds=60)
    work.start()
    frozen = _freeze_session_worker(work)
    try:
        with ThreadPoolExecutor(20) as stops:
            answers = [stops.submit(work.call, "POST", "/executor/stop-all") for _ in range(20)]
            until(lambda: work.call("GET", "/executor/status")["state"] == "paused", 4)
            assert any(not answer.done() for answer in answers)
            assert {answer.result()["stopped"] for answer in answers} == {False}
    finally:
        os.kill(frozen, signal.SIGCONT)
    until(lambda: not work.agents(), 20)


def test_the_reaper_kills_a_session_whose_worker_is_frozen(patient: tuple[Client, Path]) -> None:
    """Its lease would last another ten minutes. The worker that continues learns that it has lost the session."""
    client, folder = patient
    work = Work(client, Path(tempfile.mkdtemp(dir=folder)))
    (work.notes / "wait").touch()  # no agent ends by itself, however long what follows takes
    work.start()
    work.call("POST", "/executor/pause")
    frozen = _freeze_session_worker(work)
    try:
        at_work = {_marker(agent) for agent in work.agents()}
        victim = next(row for row in work.call("GET", "/executor/workers")["workers"] if row["sessionID"] in at_work)
        marked = [process for process in psutil.process_iter() if _marker(process) == victim["sessionID"]]
        command = f"sessions.kill({work.id!r}, {victim['sessionID']!r}, by=MUSTER)"
        work.up.muster("shell", "-c", f"from orchestration import sessions; from workspaces.access import MUSTER; {command}")
        until(lambda: not any(is_running(process.pid) for process in marked), 15)
        until(lambda: _outcome(work, victim) == "lost", 10)
        assert marked and _entry(work, victim)["status"] == "pending"
    finally:
        os.kill(frozen, signal.SIGCONT)
        (work.notes / "wait").unlink()
    until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 30)  # it has ended its others, and had its say
    assert _outcome(work, victim) == "lost" and _entry(work, victim)["status"] == "pending"
    work.call("POST", "/executor/resume")
    _finishes(work)


def _freeze_session_worker(work: Work) -> int:
    """Its process id. It is frozen while it writes nothing: within a write it would keep the only lock of SQLite."""
    worker = work.up.children()["sessions"]
    while True:
        os.kill(worker, signal.SIGSTOP)
        with closing(sqlite3.connect(work.up.data / "muster.sqlite3", timeout=5, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
                return worker
            except sqlite3.OperationalError:
                os.kill(worker, signal.SIGCONT)


def _inside(*folders: Path) -> list[int]:
    """The living processes whose working directory lies there, shims and git excluded."""
    places = tuple(map(str, folders))
    pids = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(places) and process.status() != psutil.STATUS_ZOMBIE and process.name() != "git":
                pids.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return pids


def _ends(work: Work) -> list[tuple[str, str]]:
    sql = "SELECT outcome, outcome_message FROM orchestration_session WHERE workspace_id = ? AND status = 'ended'"
    with sqlite3.connect(work.up.data / "muster.sqlite3") as database:
        return database.execute(sql, [work.id]).fetchall()


def _outcome(work: Work, victim: Any) -> str:
    with sqlite3.connect(work.up.data / "muster.sqlite3") as database:
        row = database.execute("SELECT outcome FROM orchestration_session WHERE id = ?", [victim["sessionID"]]).fetchone()
    return str(row[0])


def _entry(work: Work, victim: Any) -> Any:
    return next(entry for entry in work.call("GET", "/todo")["entries"] if entry["id"] == victim["entryID"])
