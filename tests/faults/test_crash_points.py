"""F13: the session worker is killed at every step of a session, once for each entry. Each finishes by itself, with its work once and every cent once.

One Muster with four session workers of one slot each: a kill ends exactly one session. Killed ones are replaced, as `up` does with its own.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from config import sockets
from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.test_kills import QUICK, _marker, _repository

pytestmark = pytest.mark.timeout(400)

# Generous: nobody is to be fenced on a busy machine. A worker that died on this host is found without waiting for its lease.
SLOW_LEASE = {"MUSTER_LEASE_S": "12", "MUSTER_SESSION_SLOTS": "1"}
WORKERS = 4
AGENT = str(ROOT / "tests/faults/crash_agent.py")
CHECK = 'grep -q good "$MUSTER_ENTRY_ID.txt" || { echo it says $(cat "$MUSTER_ENTRY_ID.txt"); exit 1; }'


@dataclass(frozen=True)
class Point:
    """Where a worker is killed: at the n-th call of a function. `again`: how many turns of the implementing agent that costs."""

    step: str
    when: str
    n: int = 1
    word: str = ""
    again: int = 0
    name: str = ""

    def __str__(self) -> str:
        return self.name or f"{self.step.rpartition('.')[2] if not self.word else self.word}-{self.when}-{self.n}"

    @property
    def plan(self) -> str:
        module, _, function = self.step.rpartition(".")
        package = "budget" if module == "ledger" else "orchestration"
        return f"{package}.{module} {function} {self.when} {self.n} {self.word}"


def both(step: str, n: int = 1, **more: Any) -> list[Point]:
    return [Point(step, "before", n, **more), Point(step, "after", n, **more)]


# The second round is the one that passes. Calls of both rounds are counted: a failing check runs twice, a round makes two usage events of the agent, one of the reviewer
# and, when its checks pass, one of the verifying agent.
POINTS = [
    *both("sessions.take", 2),
    *both("runtime.worktree.prepare", 1),
    *both("runtime.worktree.prepare", 2),
    *both("rounds.begin", 2),
    Point("runtime.processes.start", "after", 5, again=1, name="agent-started"),
    Point("metering.record", "before", 4, again=1, name="agent-told-its-first-amount"),
    Point("metering.record", "before", 5, again=1, name="agent-told-its-last-amount"),
    Point("runtime.worktree.commit", "before", 2, again=1),
    Point("runtime.worktree.commit", "after", 2, again=1),
    Point("runtime.git.attempt", "after", 2, "commit", again=1, name="git-committed"),
    *both("ledger.shrink", 2, again=1),
    *both("runtime.reviewing.intercept", 2, again=1),
    Point("metering.record", "before", 6, again=1, name="reviewer-told-its-amount"),
    Point("runtime.judging.verify", "before", 2),
    Point("runtime.processes.start", "after", 7, name="check-started"),
    Point("runtime.verification.verify", "after", 2, name="checks-passed"),
    Point("metering.record", "before", 7, name="verifier-told-its-amount"),
    Point("runtime.reviewing.judge", "after", 1),
    Point("rounds.close", "before", 1, name="close-before-a-failed-one"),
    Point("rounds.close", "after", 1, name="close-after-a-failed-one"),
    Point("rounds.close", "before", 2),
    Point("rounds.close", "after", 2),
    *both("runtime.merging.merge"),
    *both("runtime.git.attempt", word="update-ref"),
    *both("runtime.worktree.remove"),
    *both("runtime.pushing.push"),
    Point("runtime.git.attempt", "after", 1, "push", name="git-pushed"),
    Point("sessions.conclude", "before", 1, name="conclude-before-a-failed-one"),
    *both("sessions.conclude", 2),
    Point("ledger.settle", "after", 2, name="conclude-settled-and-not-committed"),
    Point("moves.move", "after", 2, name="conclude-moved-and-not-committed"),
]


@dataclass
class Sweep:
    """Every point's entry in one workspace, after all of them were worked on."""

    up: Running
    folder: Path
    entries: dict[Point, str] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(self.up)
        self.repo, self.remote, self.notes = self.folder / "repo", self.folder / "remote.git", self.folder / "notes"
        self.plans = self.folder / "plans"
        self.notes.mkdir()
        _repository(self.repo)
        subprocess.run(["git", "init", "-q", "--bare", str(self.remote)], check=True)
        self.git("remote", "add", "origin", str(self.remote))
        command = [sys.executable, "-S", AGENT, str(self.notes)]
        config = {
            "max_workers": WORKERS,
            "agent": {"command": [*command, "implement"]},
            "interceptor": {"agent": {"command": [*command, "review"]}},
            "verifier": {"agent": {"command": [*command, "verify"]}},
            "verify": [{"name": "good", "run": CHECK}],
            "round_ceiling_usd": 0.5,
            "push": {"remote": "origin", "branch": "from-muster"},
        }
        made = {"name": "W", "repo": str(self.repo), "total_budget_usd": 100, "max_project_spend_usd": 100, "config": config}
        self.path = f"/workspaces/{self.client.call('POST', '/workspaces', made)['id']}/orchestration"

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.client.call(method, self.path + path, body)

    def add(self, points: list[Point]) -> None:
        wanted = [{"content": f"killed at {point}", "budget_usd": 5} for point in points]
        made = self.call("POST", "/todo/entries", {"entries": wanted})["entries"]
        self.entries = {point: one["id"] for point, one in zip(points, made, strict=True)}
        for point, id_ in self.entries.items():
            (self.plans / id_).write_text(point.plan)

    def work(self, seconds: float) -> None:
        self.call("POST", "/executor/start")
        until(self._is_over, seconds, every=0.3)
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(20)

    def _is_over(self) -> bool:
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < WORKERS - 1:  # the last one is `up`'s own
            env = self.up.env | {"REDIS_URL": f"unix://{sockets.valkey_socket(self.up.data)}"}
            with open(self.folder / "workers.log", "ab") as log:
                command = [sys.executable, "-m", "config.work"]
                self.workers.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log))
        return not self.rows("SELECT 1 FROM orchestration_entry WHERE status IN ('pending', 'in_progress') LIMIT 1")

    def rows(self, sql: str, *values: object) -> list[Any]:
        with sqlite3.connect(self.up.data / "muster.sqlite3", timeout=20) as database:
            return database.execute(sql, values).fetchall()

    def git(self, *command: str, place: Path | None = None) -> str:
        done = subprocess.run(["git", "-C", str(place or self.repo), *command], capture_output=True, text=True)
        return done.stdout.strip()

    def noted(self, id_: str, name: str) -> list[str]:
        file = self.notes / f"{id_}.{name}"
        return file.read_text().split() if file.exists() else []


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Sweep]:
    folder = tmp_path_factory.mktemp("crash")
    (folder / "plans").mkdir()
    shutil.copytree(prepared, folder / "data")
    extra = QUICK | SLOW_LEASE | {"CRASH_PLANS": str(folder / "plans"), "PYTHONPATH": str(ROOT / "tests/faults/crashing")}
    running = Running(folder / "data", **extra, MUSTER_REPO_ROOTS=str(folder))
    until(running.is_ready, 30)
    made = Sweep(running, folder)
    try:
        began = time.monotonic()
        made.add(POINTS)
        made.work(360)
        print(f"{len(POINTS)} kills: {time.monotonic() - began:.0f} s")
        yield made
    finally:
        for worker in made.workers:
            worker.kill()
        running.process.terminate()
        running.process.wait(20)


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_here_it_is_done_all_the_same(sweep: Sweep, point: Point) -> None:
    id_ = sweep.entries[point]
    assert (sweep.plans / f"{id_}.done").exists(), "nobody was killed"
    assert sweep.rows("SELECT status, score, rounds_completed FROM orchestration_entry WHERE id = ?", id_) == [("done", 1.0, 2)]
    verdicts = [one for (one,) in sweep.rows("SELECT verdict FROM orchestration_round WHERE entry_id = ? ORDER BY number", id_)]
    assert verdicts.count("failed") == 1 and verdicts.count("passed") == 1 and verdicts[-1] == "passed"
    assert set(verdicts) <= {"failed", "passed", "unverified"}


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_here_its_work_is_merged_once(sweep: Sweep, point: Point) -> None:
    id_ = sweep.entries[point]
    assert sweep.git("show", f"muster/integration:{id_}.txt") == "good"
    assert len(sweep.git("log", "--format=%H", f"--grep=Merge {id_}", "muster/integration").split()) == 1
    subjects = sweep.git("log", "--format=%P", "muster/integration", "--", f"{id_}.txt").split("\n")
    assert len(subjects) == 2, "bad and then good, each in one commit"


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_here_every_cent_is_booked_once(sweep: Sweep, point: Point) -> None:
    id_ = sweep.entries[point]
    told = sorted(int(amount) for amount in sweep.noted(id_, "told"))
    booked = [
        amount for (amount,) in sweep.rows("SELECT amount FROM budget_ledgerentry WHERE account_id = ? ORDER BY amount", id_)
    ]
    assert booked == told
    [(spent, reviewed, held)] = sweep.rows("SELECT spent, interceptor_spent, held FROM budget_account WHERE id = ?", id_)
    [(rounds,)] = sweep.rows("SELECT sum(cost) FROM budget_roundspend WHERE account_id = ?", id_)
    assert (spent + reviewed, held) == (sum(told), 0)
    assert spent == rounds


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_here_no_more_turns_are_paid_than_were_cut_short(sweep: Sweep, point: Point) -> None:
    id_ = sweep.entries[point]
    assert sweep.noted(id_, "overlap") == []
    turns = sweep.noted(id_, "turns").count("implement")
    assert 2 <= turns <= 2 + point.again
    lost = sweep.rows("SELECT count(*) FROM orchestration_session WHERE entry_id = ? AND outcome = 'lost'", id_)
    assert lost[0][0] <= 1


def test_nothing_is_left_open(sweep: Sweep) -> None:
    assert sweep.rows("SELECT id FROM orchestration_session WHERE status <> 'ended'") == []
    assert sweep.rows("SELECT id FROM budget_hold WHERE state <> 'settled'") == []
    assert sweep.rows("SELECT path FROM orchestration_filelock") == []
    assert sweep.rows("SELECT id FROM orchestration_round WHERE verdict = 'open' OR ended_at IS NULL") == []
    lonely = "SELECT id FROM orchestration_round r WHERE NOT EXISTS (SELECT 1 FROM budget_roundspend s WHERE s.account_id = r.entry_id AND s.number = r.number)"
    assert sweep.rows(lonely) == []
    assert sweep.rows("PRAGMA integrity_check") == [("ok",)]


def test_no_worktree_of_a_done_entry_is_left(sweep: Sweep) -> None:
    assert len(sweep.git("worktree", "list").split("\n")) == 1
    assert [path.name for path in (sweep.up.data / "worktrees").iterdir()] == [".lock"]
    assert sweep.git("fsck", "--strict", "--no-dangling") == ""


def test_the_remote_has_it_all(sweep: Sweep) -> None:
    assert sweep.git("rev-parse", "from-muster", folder=sweep.remote) == sweep.git("rev-parse", "muster/integration")


def test_no_process_of_a_session_is_left(sweep: Sweep) -> None:
    sessions = {id_ for (id_,) in sweep.rows("SELECT id FROM orchestration_session")}
    assert [process for process in psutil.process_iter() if _marker(process) in sessions] == []
    assert os.path.exists(sweep.folder / "workers.log")
