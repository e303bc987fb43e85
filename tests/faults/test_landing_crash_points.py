"""The session worker is killed at every point of a landing, once for each workspace. Each entry lands once, every commit was judged, and
nothing is left open.

One Muster with four session workers. A workspace for each point, since one lander at a time works on a workspace. The test itself has the leases
until all work is verified: then the landers begin, and no session is killed with them.
"""

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crashes import Point, Workers, both, rows, settings
from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.test_kills import _repository

pytestmark = pytest.mark.timeout(300)

AGENT = [sys.executable, "-S", str(ROOT / "tests/faults/landing_agent.py")]
LANDER, GIT, BRANCH = "orchestration.worker.lander", "orchestration.git.command.attempt", "muster/integration"
OWN_REF, NAMED_REF = "update-ref refs/muster/landed/{workspace}", f"update-ref refs/heads/{BRANCH}"

# Work on the current tip, whose tree is known from its round.
SINGLE = [
    *both("orchestration.landing.branch.lease"),
    *both(f"{LANDER}.candidates.build"),
    *both(f"{LANDER}.judging.judge"),
    *both(f"{LANDER}.candidates.commit_of"),
    *both(f"{LANDER}.swap._intend"),
    *both(GIT, word=OWN_REF, name="own-ref"),
    *both(GIT, word=NAMED_REF, name="delivery"),
    Point(f"{LANDER}.pushing.push", "before", name="push-before"),
    Point(GIT, "after", word="push", name="push-after"),
    *both(f"{LANDER}.swap._complete"),
    Point(f"{LANDER}.swap.end_landed", "after", name="landed-and-not-committed"),
    Point(f"{LANDER}.batches._remove_worktrees", "before", 2),
    Point("orchestration.landing.branch.release", "before"),
]
# Two that are right alone and wrong together: the second one is refused, and lands after another round.
PAIR = [
    *both("orchestration.worker.judging.checks.judge", name="checks"),
    Point("orchestration.processes.agent_process.start", "after", name="check-started"),
    *both(f"{LANDER}.refusals.refuse"),
    Point(f"{LANDER}.refusals._send_back", "after", name="refused-and-not-committed"),
]
# A new commit of the base branch, and a revert.
BASE = [
    *both("orchestration.landing.queue.enqueue_branch", name="base-queued"),
    Point(f"{LANDER}.swap._intend", "after", name="base-intended"),
    Point(GIT, "after", word=NAMED_REF, name="base-delivered"),
]
REVERT = [
    Point(f"{LANDER}.swap._intend", "after", name="revert-intended"),
    Point(GIT, "after", word=OWN_REF, name="revert-own-ref"),
    Point(f"{LANDER}.swap._complete", "after", name="revert-after"),
]
HOST_ELSEWHERE = """INSERT INTO orchestration_worker (id, queue, host, boot_id, pid, started_ticks, slots, agents)
    VALUES ('test', 'sessions', 'elsewhere', '', 1, 1, 1, '{}')"""
POINTS = [*SINGLE, *PAIR, *BASE, *REVERT]


@dataclass
class Place:
    """A workspace in which a lander is killed at one point."""

    sweep: "Sweep"
    point: Point
    id: str = ""
    landed_before: str = ""

    def __post_init__(self) -> None:
        self.folder = self.sweep.folder / f"{POINTS.index(self.point)}"
        self.repo, self.remote = self.folder / "repo", self.folder / "remote.git"
        shutil.copytree(self.sweep.folder / "template", self.folder)
        config = {
            "agent": {"command": [*AGENT, str(self.sweep.notes), "land"]},
            "verify": [{"name": "pair", "run": "test ! -e old || test ! -e new"}],
            "round_ceiling_usd": 0.5,
            "push": {"remote": "origin"},
        }
        workspace = {
            "name": self.folder.name,
            "repo": str(self.repo),
            "total_budget_usd": 9,
            "max_project_spend_usd": 9,
            "config": config,
        }
        self.id = self.sweep.client.call("POST", "/workspaces", workspace)["id"]
        self.call("POST", "/executor/start")

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.sweep.client.call(method, f"/workspaces/{self.id}/orchestration{path}", body)

    def git(self, *command: str, folder: Path | None = None) -> str:
        return subprocess.run(["git", "-C", str(folder or self.repo), *command], capture_output=True, text=True).stdout.strip()

    def plan(self) -> None:
        (self.sweep.plans / self.id).write_text(self.point.plan.format(workspace=self.id))

    def add(self, *names: str) -> None:
        entries = [{"content": f"write {name}", "budget_usd": 2, "spec": {"files_to_create": [name]}} for name in names]
        self.call("POST", "/todo/entries", {"entries": entries})

    def begin(self) -> None:
        """The first entries. Where nothing else is to land, the lander is killed with them."""
        if self.point in SINGLE + PAIR:
            self.plan()
        self.add(*self.names)

    @property
    def names(self) -> list[str]:
        return ["old", "new"] if self.point in PAIR else ["old"]

    def go_on(self) -> None:
        """The base moves, or a landed commit is to be undone."""
        self.landed_before = self.git("rev-parse", BRANCH)
        if self.point in BASE:
            self.plan()
            (self.repo / "from-main").write_text("1\n")
            self.git("add", "-A")
            self.git("-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", "on main")
            self.add("later")
        elif self.point in REVERT:
            self.plan()
            self.call("POST", "/landing/revert", {"commit": self.landed_before})

    def rows(self, table: str, columns: str, order: str = "id") -> list[Any]:
        return rows(self.sweep.up, f"SELECT {columns} FROM {table} WHERE workspace_id = ? ORDER BY {order}", self.id)

    def first_parents(self, form: str) -> list[str]:
        """The commits that Muster wrote, oldest first."""
        begin = self.git("rev-list", "--max-parents=0", BRANCH)
        return self.git("log", "--first-parent", "--reverse", f"--format={form}", f"{begin}..{BRANCH}").split("\n")


@dataclass
class Sweep:
    up: Running
    folder: Path
    places: dict[Point, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = Client(self.up)
        self.workers = Workers(self.up, self.folder / "workers.log")
        self.plans, self.notes = self.folder / "plans", self.folder / "notes"
        self.notes.mkdir()
        template = self.folder / "template"
        template.mkdir()
        _repository(template / "repo")
        subprocess.run(["git", "init", "-q", "--bare", str(template / "remote.git")], check=True)
        subprocess.run(["git", "-C", str(template / "repo"), "remote", "add", "origin", "../remote.git"], check=True)

    def work(self) -> None:
        """All places at once, until every plan was carried out and nothing is left to do."""
        with ThreadPoolExecutor(4) as pool:
            self.workers.replace()
            self.places = dict(zip(POINTS, pool.map(lambda point: Place(self, point), POINTS), strict=True))
            until(
                lambda: self.over("SELECT 1 FROM orchestration_integration WHERE state <> 'good' OR lease_until IS NOT NULL"), 60
            )
            self.write(HOST_ELSEWHERE)
            self.write("UPDATE orchestration_integration SET worker_id = 'test', lease_until = '2099-01-01'")
            list(pool.map(Place.begin, self.places.values()))
            expected = sum(len(place.names) for place in self.places.values())
            until(lambda: rows(self.up, "SELECT count(*) FROM orchestration_landing") == [(expected,)], 90, every=0.3)
            self.write("UPDATE orchestration_integration SET worker_id = NULL, lease_until = NULL, due = 1")
            until(self.is_over, 120, every=0.3)
            list(pool.map(Place.go_on, self.places.values()))
            until(self.is_over, 120, every=0.3)
        self.workers.end()

    def write(self, sql: str) -> None:
        with sqlite3.connect(self.up.data / "muster.sqlite3", timeout=20) as database:
            database.execute(sql)

    def is_over(self) -> bool:
        self.workers.replace()
        return not any("." not in path.name for path in self.plans.iterdir()) and all(
            self.over(sql)
            for sql in (
                "SELECT 1 FROM orchestration_entry WHERE status <> 'done'",
                "SELECT 1 FROM orchestration_landing WHERE state IN ('queued', 'checking')",
                "SELECT 1 FROM orchestration_integration WHERE due OR lease_until IS NOT NULL",
            )
        )

    def over(self, sql: str) -> bool:
        return not rows(self.up, f"{sql} LIMIT 1")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Sweep]:
    folder = tmp_path_factory.mktemp("landings")
    (folder / "plans").mkdir()
    shutil.copytree(prepared, folder / "data")
    running = Running(folder / "data", **settings(folder) | {"MUSTER_LEASE_S": "30"})
    until(running.is_ready, 30)
    running_sweep = Sweep(running, folder)
    try:
        began = time.monotonic()
        running_sweep.work()
        print(f"{len(POINTS)} kills: {time.monotonic() - began:.0f} s")
        yield running_sweep
    finally:
        running_sweep.workers.end()
        running.process.terminate()
        running.process.wait(20)


@pytest.fixture
def place(sweep: Sweep, request: pytest.FixtureRequest) -> Place:
    return sweep.places[request.param]


at_every_point = pytest.mark.parametrize("place", POINTS, ids=str, indirect=True)


@at_every_point
def test_after_a_kill_here_everything_has_landed_once(place: Place) -> None:
    assert (place.sweep.plans / f"{place.id}.done").exists(), "no worker was killed"
    names = {"old", "newer"} if place.point in PAIR else {"old", "later", "from-main"} if place.point in BASE else {"old"}
    names -= {"old"} if place.point in REVERT else set()
    assert set(place.git("ls-tree", "--name-only", BRANCH).split()) == {"README", *names}
    assert {status for (status,) in place.rows("orchestration_entry", "status")} == {"done"}
    expected = ["#1 write old"]
    if place.point in PAIR:
        expected += ["#2 write new"]
    if place.point in BASE:
        expected += ["Merge main", "#2 write later"]
    if place.point in REVERT:
        expected += ['Revert "#1 write old"']
    assert place.first_parents("%s") == expected


@at_every_point
def test_after_a_kill_here_every_commit_was_judged_and_is_green(place: Place) -> None:
    judged = {tree for tree, passed in place.rows("orchestration_treeverdict", "tree, passed") if passed}
    for tree in place.first_parents("%T"):
        assert tree in judged
        assert not {"old", "new"} <= set(place.git("ls-tree", "--name-only", tree).split())
    commits = place.rows("orchestration_integrationcommit", "state, old, new, tree")
    begin = place.git("rev-list", "--max-parents=0", BRANCH)
    tips = [begin, *place.first_parents("%H")]
    assert commits == [("done", old, new, place.git("rev-parse", f"{new}^{{tree}}")) for old, new in pairwise(tips)]


@at_every_point
def test_after_a_kill_here_nothing_is_left_open(place: Place) -> None:
    tip = place.git("rev-parse", BRANCH)
    row = place.rows(
        "orchestration_integration", "state, tip, delivered, undelivered, base_problem, lease_until, push_wanted", "1"
    )
    assert row == [("good", tip, tip, "", "", None, 0)]
    assert place.git("rev-parse", f"refs/muster/landed/{place.id}") == tip
    assert place.git("rev-parse", BRANCH, folder=place.remote) == tip
    states = sorted(state for (state,) in place.rows("orchestration_landing", "state"))
    assert states == ["landed"] * len(place.first_parents("%H")) + ["refused"] * (place.point in PAIR)
    assert place.rows("orchestration_filelock", "path") == []
    assert list((place.repo / ".git").rglob("*.lock")) == []
    assert len(place.git("worktree", "list").split("\n")) == 1
    assert place.git("fsck", "--strict", "--no-dangling") == ""


@at_every_point
def test_after_a_kill_here_every_cent_is_booked_once(place: Place) -> None:
    for (entry,) in place.rows("orchestration_entry", "id"):
        reported = sorted(int(amount) for amount in (place.sweep.notes / f"{entry}.reported").read_text().split())
        sql = "SELECT amount FROM budget_ledgerentry WHERE account_id = ? ORDER BY amount"
        assert [amount for (amount,) in rows(place.sweep.up, sql, entry)] == reported
        assert rows(place.sweep.up, "SELECT spent, held FROM budget_account WHERE id = ?", entry) == [(sum(reported), 0)]


@at_every_point
def test_after_a_kill_here_each_step_is_recorded_once(place: Place) -> None:
    happened = [verb for (verb,) in place.rows("workspaces_event", "verb")]
    entries = len(place.rows("orchestration_entry", "id"))
    assert happened.count("entry.landed") == entries
    assert happened.count("entry.refused") == (place.point in PAIR)
    assert happened.count("integration.moved") == (place.point in BASE + REVERT)


def test_no_working_copy_of_a_lander_is_left(sweep: Sweep) -> None:
    assert [path.name for path in (sweep.up.data / "worktrees").iterdir()] == [".lock"]
