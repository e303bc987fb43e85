"""Kill -9 in the middle of work, one process at a time: no work is lost, no agent runs twice, every entry completes (F1 to F10).

One Muster for the tests after which it goes on, with a workspace for each.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.harness import ROOT, Client, Running, until

ENTRIES = 6
QUICK = {
    "MUSTER_LEASE_S": "4",
    "MUSTER_LEASE_GRACE_S": "1",
    "MUSTER_TICK_S": "0.5",
    "MUSTER_POLL_S": "0.2",
    "MUSTER_STOP_GRACE_S": "1",
}


class Work:
    """A workspace with six entries."""

    def __init__(self, client: Client, folder: Path, *, seconds: float = 2.0) -> None:
        self.client, self.up = client, client.up
        self.notes = folder / "notes"
        self.notes.mkdir()
        repo = folder / "repo"
        _repository(repo)
        agent = [sys.executable, str(ROOT / "tests/faults/scripted_agent.py"), str(self.notes), str(seconds)]
        config = {
            "max_workers": 3,
            "agent": {"command": agent},
            "verify": [{"name": "file", "run": "test -f work-$MUSTER_ENTRY_ID.txt"}],
            "round_ceiling_usd": 0.5,
        }
        workspace = {"name": "W", "repo": str(repo), "total_budget_usd": 100, "max_project_spend_usd": 100, "config": config}
        self.id = self.client.call("POST", "/workspaces", workspace)["id"]
        files = [{"files_to_create": [f"work-{n}.txt"]} for n in range(ENTRIES)]
        entries = [{"content": f"entry {n}", "budget_usd": 10, "spec": files[n]} for n in range(ENTRIES)]
        self.call("POST", "/todo/entries", {"entries": entries})

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.client.call(method, f"/workspaces/{self.id}/orchestration{path}", body)

    def start(self) -> None:
        self.call("POST", "/executor/start")
        until(lambda: len(self.agents()) >= 2, 20)

    def agents(self) -> list[psutil.Process]:
        return _running(str(self.notes), "scripted_agent.py")

    def shims(self) -> list[psutil.Process]:
        sessions = {worker["sessionID"] for worker in self.call("GET", "/executor/workers")["workers"]}
        return [p for p in psutil.process_iter() if "fork_server.py" in _line(p) and _marker(p) in sessions]

    def done(self) -> int:
        entries = self.call("GET", "/todo")["entries"]
        assert not [e for e in entries if e["status"] == "failed"], entries
        return sum(1 for entry in entries if entry["status"] == "done")

    def check_the_promises(self) -> None:
        """At the end: no second agent, no lock, no reservation, every cent once, no process left."""
        assert not (self.notes / "OVERLAP").exists()
        assert self.call("GET", "/executor/locks") == {}
        holds = self.call("GET", "/budget/holds")
        assert (holds["holds"], holds["held_usd"]) == ([], 0)
        budget = self.call("GET", "/budget")
        for entry in budget["entries"]:
            assert entry["spent_usd"] == pytest.approx(sum(round_["cost"] for round_ in entry["rounds"]), abs=1e-9)
            assert entry["spent_usd"] >= 0.04
        ledger = self.call("GET", "/budget/ledger?limit=500")["entries"]
        assert budget["global"]["total_spent_usd"] == pytest.approx(sum(row["amount_usd"] for row in ledger), abs=1e-9)
        assert self.agents() == []
        with sqlite3.connect(self.up.data / "muster.sqlite3") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _repository(path: Path) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "-q", "-b", "main", str(path)], check=True)
    (path / "README").write_text("a project\n")
    subprocess.run([*git, "-C", str(path), "add", "-A"], check=True)
    subprocess.run([*git, "-C", str(path), "commit", "-q", "-m", "begin"], check=True)


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return ""


def _marker(process: psutil.Process) -> str:
    try:
        return process.environ().get("MUSTER_SESSION_MARKER", "")
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return ""


def _running(*words: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter() if all(word in _line(p) for word in words) and "fork_server.py" not in _line(p)]


@pytest.fixture
def work(muster: tuple[Client, Path]) -> Iterator[Work]:
    client, folder = muster
    work = Work(client, Path(tempfile.mkdtemp(dir=folder)))
    yield work
    work.call("POST", "/executor/pause")


@pytest.fixture
def own_work(start: Callable[..., Running], tmp_path: Path) -> Work:
    """In a Muster of its own, which the test ends."""
    return Work(Client(start(**QUICK, MUSTER_REPO_ROOTS=str(tmp_path))), tmp_path)


def _finishes(work: Work, seconds: float = 60) -> None:
    until(lambda: work.done() == ENTRIES, seconds, every=0.3)
    time.sleep(0.5)
    work.check_the_promises()


def test_without_a_fault_it_finishes_and_its_agents_never_overlap_and_never_pass_max_workers(work: Work) -> None:
    work.start()
    _finishes(work, 40)
    assert work.call("GET", "/budget")["global"]["total_spent_usd"] == pytest.approx(0.24)
    lives = [json.loads(line) for line in (work.notes / "lived").read_text().splitlines()]
    moments = sorted([(life["began"], 1) for life in lives] + [(life["ended"], -1) for life in lives])
    at_once = most = 0
    for _, change in moments:
        at_once += change
        most = max(most, at_once)
    assert most <= 3


def test_an_agent_is_killed(work: Work) -> None:
    work.start()
    work.agents()[0].kill()
    _finishes(work)


def test_a_shim_is_killed(work: Work) -> None:
    work.start()
    victim = work.shims()[0]
    marker = _marker(victim)
    victim.kill()
    until(lambda: not [p for p in psutil.process_iter() if _marker(p) == marker], 5)
    _finishes(work)


def test_the_parent_of_all_shims_is_killed(work: Work) -> None:
    work.start()
    work.shims()[0].parent().kill()
    _finishes(work)


@pytest.mark.parametrize("name", ["sessions", "control", "valkey", "web"])
def test_a_service_is_killed(work: Work, name: str) -> None:
    work.start()
    os.kill(work.up.children()[name], signal.SIGKILL)
    time.sleep(1.5)
    _finishes(work)


def test_the_worker_and_its_shims_are_killed_together(work: Work) -> None:
    work.start()
    shims = work.shims()
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    for shim in shims:
        shim.kill()
    _finishes(work)


def test_valkey_is_killed_and_emptied(work: Work) -> None:
    work.start()
    os.kill(work.up.children()["valkey"], signal.SIGSTOP)
    for file in (work.up.data / "valkey").rglob("*.aof"):
        file.unlink()
    os.kill(work.up.children()["valkey"], signal.SIGKILL)
    time.sleep(1)
    _finishes(work)


def test_up_itself_is_killed_and_started_again(own_work: Work, start: Callable[..., Running], tmp_path: Path) -> None:
    work = own_work
    work.start()
    work.up.process.kill()
    work.up.process.wait()
    work.up = start(**QUICK, MUSTER_REPO_ROOTS=str(tmp_path))
    work.client = Client(work.up)
    _finishes(work)


def test_ctrl_c_in_the_middle_of_work_loses_nothing(own_work: Work, start: Callable[..., Running], tmp_path: Path) -> None:
    work = own_work
    work.start()
    work.up.process.send_signal(signal.SIGINT)
    assert work.up.process.wait(1 + 2) == 0
    assert work.up.leftovers() == [] and work.agents() == []
    work.up = start(**QUICK, MUSTER_REPO_ROOTS=str(tmp_path))
    work.client = Client(work.up)
    _finishes(work)


def test_a_frozen_worker_is_fenced_and_its_late_writes_are_refused(work: Work) -> None:
    """F3: stopped for longer than its lease, then continued. Its agents died before anyone else began."""
    work.start()
    pid = work.up.children()["sessions"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(6)
    os.kill(pid, signal.SIGCONT)
    _finishes(work)


@pytest.mark.alone
def test_stop_all_leaves_no_agent_within_a_second_and_the_grace(work: Work) -> None:
    work.start()
    began = time.monotonic()
    work.call("POST", "/executor/stop-all")
    until(lambda: not work.agents(), 1 + 1)
    took = time.monotonic() - began
    until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 3)
    assert work.call("GET", "/executor/status") == {"state": "paused", "paused": True, "activeWorkers": 0}
    time.sleep(1.5)
    assert work.agents() == [], "no session starts while it is paused"
    print(f"stop-all: {took:.2f} s")
    work.call("POST", "/executor/resume")
    _finishes(work)


def test_stopping_one_session_puts_its_entry_on_hold_and_no_other(work: Work) -> None:
    work.start()
    session = work.call("GET", "/executor/workers")["workers"][0]
    work.call("POST", f"/executor/workers/{session['sessionID']}/stop")
    until(lambda: work.call("GET", f"/todo/entries/{session['entryID']}")["status"] == "blocked", 4)
    entry = work.call("GET", f"/todo/entries/{session['entryID']}")
    assert entry["reasons"][0]["code"] == "human_hold"
    assert work.call("GET", "/executor/status")["state"] == "running"
    until(lambda: work.done() == ENTRIES - 1, 40, every=0.3)
    work.call("PATCH", f"/todo/entries/{session['entryID']}/status", {"status": "pending"})
    _finishes(work)
