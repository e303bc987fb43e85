"""F13: the session worker is killed at every step of a session, once for each entry. Each entry completes, with its work and every cent once.

One Muster with four session workers of one slot each: a kill ends exactly one session. Killed workers are replaced, as `up` does.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.crashes import SLOW_LEASE, WORKERS, Point, Workers, both, rows, settings
from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.test_kills import _marker, _repository
from tests.plugins.database import put_migrated
from tests.sampling import part

pytestmark = pytest.mark.timeout(400)

AGENT = str(ROOT / "tests/faults/crash_agent.py")
CHECK = 'grep -q good "$MUSTER_ENTRY_ID.txt" || { echo it says $(cat "$MUSTER_ENTRY_ID.txt"); exit 1; }'


# The second round passes. Calls of both rounds are counted: a failing check runs twice, a round makes two usage events of the agent, one of the reviewer
# and, when its checks pass, one of the verifying agent.
EVERY_POINT = [
    *both("orchestration.sessions.lifecycle.take", 2),
    *both("orchestration.git.clones.entry_clones.prepare", 1),
    *both("orchestration.git.clones.entry_clones.prepare", 2),
    *both("orchestration.sessions.rounds.begin", 2),
    Point("orchestration.processes.agent_process.start", "after", 5, again=1, name="agent-started"),
    Point("orchestration.sessions.metering.record", "before", 4, again=1, name="agent-reported-its-first-amount"),
    Point("orchestration.sessions.metering.record", "before", 5, again=1, name="agent-reported-its-last-amount"),
    Point("orchestration.git.clones.store.stores.ensure", "after", 1),
    Point("orchestration.git.command.attempt", "before", 1, "read-tree", name="clone-files-before"),
    Point("orchestration.git.command.attempt", "after", 1, "read-tree", name="clone-files-after"),
    *both("orchestration.git.clones.gitdirs.make", 1),
    Point("orchestration.git.clones.entry_clones.commit", "before", 2),
    *both("orchestration.git.clones.delivery.move_branch", 4),
    Point("orchestration.git.clones.entry_clones.commit", "after", 2),
    Point("orchestration.git.command.attempt", "after", 2, "commit-tree", name="git-committed"),
    *both("budget.ledger.booking.shrink", 2),
    *both("orchestration.worker.steps.reviewing.intercept", 2),
    Point("orchestration.sessions.metering.record", "before", 6, name="reviewer-reported-its-amount"),
    Point("orchestration.worker.steps.verifying.verify", "before", 2),
    Point("orchestration.processes.agent_process.start", "after", 7, name="check-started"),
    Point("orchestration.worker.judging.checks.judge", "after", 2, name="checks-passed"),
    Point("orchestration.sessions.metering.record", "before", 7, name="verifier-reported-its-amount"),
    Point("orchestration.worker.steps.reviewing.judge", "after", 1),
    Point("orchestration.sessions.rounds.close", "before", 1, name="close-before-a-failed-round"),
    Point("orchestration.sessions.rounds.close", "after", 1, name="close-after-a-failed-round"),
    Point("orchestration.sessions.rounds.close", "before", 2),
    Point("orchestration.sessions.rounds.close", "after", 2),
    *both("orchestration.landing.queue.enqueue"),
    Point("orchestration.sessions.lifecycle.conclude", "before", 1, name="conclude-before-a-failed-session"),
    *both("orchestration.sessions.lifecycle.conclude", 2),
    Point("budget.ledger.booking.settle", "after", 2, name="conclude-settled-and-not-committed"),
    Point("orchestration.backlog.entry_state.move", "after", 2, name="conclude-moved-and-not-committed"),
]
POINTS = part(EVERY_POINT, 8)


@dataclass
class Sweep:
    """One workspace with an entry for every point, after all entries completed."""

    up: Running
    folder: Path
    entries: dict[Point, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workers = Workers(self.up, self.folder / "workers.log")
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
        workspace = {"name": "W", "repo": str(self.repo), "total_budget_usd": 100, "max_project_spend_usd": 100, "config": config}
        self.path = f"/workspaces/{self.client.call('POST', '/workspaces', workspace)['id']}/orchestration"

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.client.call(method, self.path + path, body)

    def add(self, points: list[Point]) -> None:
        payload = [{"content": f"killed at {point}", "budget_usd": 5} for point in points]
        entries = self.call("POST", "/todo/entries", {"entries": payload})["entries"]
        self.entries = {point: entry["id"] for point, entry in zip(points, entries, strict=True)}
        for point, id_ in self.entries.items():
            (self.plans / id_).write_text(point.plan)

    def work(self, seconds: float) -> None:
        self.call("POST", "/executor/start")
        until(self._is_over, seconds, every=0.3)
        self.workers.end()

    def _is_over(self) -> bool:
        return not self.rows("SELECT 1 FROM orchestration_entry WHERE status IN ('pending', 'in_progress') LIMIT 1")

    def rows(self, sql: str, *values: object) -> list[Any]:
        return rows(self.up, sql, *values)

    def git(self, *command: str, folder: Path | None = None) -> str:
        done = subprocess.run(["git", "-C", str(folder or self.repo), *command], capture_output=True, text=True)
        return done.stdout.strip()

    def notes_of(self, id_: str, name: str) -> list[str]:
        file = self.notes / f"{id_}.{name}"
        return file.read_text().split() if file.exists() else []


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    folder = tmp_path_factory.mktemp("crash")
    (folder / "plans").mkdir()
    put_migrated(folder / "data")
    running = Running(folder / "data", **settings(folder) | SLOW_LEASE)
    until(running.is_ready, 30)
    running_sweep = Sweep(running, folder)
    try:
        began = time.monotonic()
        running_sweep.add(POINTS)
        running_sweep.work(360)
        print(f"{len(POINTS)} kills: {time.monotonic() - began:.0f} s")
        yield running_sweep
    finally:
        running_sweep.workers.end()
        running.process.terminate()
        running.process.wait(20)


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_after_a_kill_here_the_entry_completes(sweep: Sweep, point: Point) -> None:
    id_ = sweep.entries[point]
    assert (sweep.plans / f"{id_}.done").exists(), "no worker was killed"
    assert sweep.rows("SELECT status, score, rounds_completed FROM orchestration_entry WHERE id = ?", id_) == [("done", 1.0, 2)]
    verdicts = [
        verdict for (verdict,) in sweep.rows("SELECT verdict FROM orchestration_round WHERE entry_id = ? ORDER BY number", id_)
    ]
    assert verdicts.count("failed") == 1 and verdicts.count("passed") == 1 and verdicts[-1] == "passed"
    assert set(verdicts) <= {"failed", "passed", "unverified"}


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_after_a_kill_here_the_work_is_merged_once(sweep: Sweep, point: Point) -> None:
    id_ = sweep.entries[point]
    assert sweep.git("show", f"muster/integration:{id_}.txt") == "good"
    [(seq,)] = sweep.rows("SELECT seq FROM orchestration_entry WHERE id = ?", id_)
    subjects = sweep.git("log", "--format=%s", "muster/integration").split("\n")
    assert [subject for subject in subjects if subject.startswith(f"#{seq} ")] == [f"#{seq} killed at {point}"]
    changes = sweep.git("log", "--format=%P", "muster/integration", "--", f"{id_}.txt").split("\n")
    assert len(changes) == 2, "bad and then good, each in one commit"


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_after_a_kill_here_every_cent_is_booked_once(sweep: Sweep, point: Point) -> None:
    id_ = sweep.entries[point]
    reported = sorted(int(amount) for amount in sweep.notes_of(id_, "reported"))
    booked = [
        amount for (amount,) in sweep.rows("SELECT amount FROM budget_ledgerentry WHERE account_id = ? ORDER BY amount", id_)
    ]
    assert booked == reported
    [(spent, reviewed, held)] = sweep.rows("SELECT spent, interceptor_spent, held FROM budget_account WHERE id = ?", id_)
    [(rounds,)] = sweep.rows("SELECT sum(cost) FROM budget_roundspend WHERE account_id = ?", id_)
    assert (spent + reviewed, held) == (sum(reported), 0)
    assert spent == rounds


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_after_a_kill_here_only_interrupted_turns_are_repeated(sweep: Sweep, point: Point) -> None:
    id_ = sweep.entries[point]
    assert sweep.notes_of(id_, "overlap") == []
    turns = sweep.notes_of(id_, "turns").count("implement")
    assert 2 <= turns <= 2 + point.again
    lost = sweep.rows("SELECT count(*) FROM orchestration_session WHERE entry_id = ? AND outcome = 'lost'", id_)
    assert lost[0][0] <= 1


def test_no_row_is_left_open(sweep: Sweep) -> None:
    assert sweep.rows("SELECT id FROM orchestration_session WHERE status <> 'ended'") == []
    assert sweep.rows("SELECT id FROM orchestration_landing WHERE state <> 'landed'") == []
    assert sweep.rows("SELECT id FROM orchestration_integrationcommit WHERE state <> 'done'") == []
    assert sweep.rows("SELECT id FROM budget_hold WHERE state <> 'settled'") == []
    assert sweep.rows("SELECT path FROM orchestration_filelock") == []
    assert sweep.rows("SELECT id FROM orchestration_round WHERE verdict = 'open' OR ended_at IS NULL") == []
    rounds_without_spend = "SELECT id FROM orchestration_round r WHERE NOT EXISTS (SELECT 1 FROM budget_roundspend s WHERE s.account_id = r.entry_id AND s.number = r.number)"
    assert sweep.rows(rounds_without_spend) == []
    assert sweep.rows("PRAGMA integrity_check") == [("ok",)]


def test_no_worktree_of_a_done_entry_is_left(sweep: Sweep) -> None:
    assert len(sweep.git("worktree", "list").split("\n")) == 1
    assert [path.name for path in (sweep.up.data / "worktrees").iterdir()] == [".records"]
    [store] = (sweep.up.data / "stores").glob("*/objects")
    assert sweep.git("fsck", "--strict", "--no-dangling", "--no-reflogs", folder=store.parent) == ""
    assert sweep.git("fsck", "--strict", "--no-dangling") == ""


def test_the_remote_has_all_merged_work(sweep: Sweep) -> None:
    assert sweep.git("rev-parse", "from-muster", folder=sweep.remote) == sweep.git("rev-parse", "muster/integration")


def test_no_process_of_a_session_is_left(sweep: Sweep) -> None:
    sessions = {id_ for (id_,) in sweep.rows("SELECT id FROM orchestration_session")}
    assert [process for process in psutil.process_iter() if _marker(process) in sessions] == []
    assert os.path.exists(sweep.folder / "workers.log")
