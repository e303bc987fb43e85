"""Three candidates work on each entry, one of them well, and one worker or all three are killed at the same step: the good work lands, and every cent is booked
once.

One Muster with four session workers of one slot each: a kill ends exactly one session.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.crashes import SLOW_LEASE, Point, settings
from tests.faults.harness import ROOT, Running, until
from tests.faults.test_crash_points import Sweep
from tests.plugins.database import put_migrated
from tests.sampling import part

pytestmark = pytest.mark.timeout(300)

AGENT = str(ROOT / "tests/faults/candidate_agent.py")
ALL = 3
"""Workers: each candidate's."""
# The point, and how many workers are killed there.
EVERY_KILL = [
    (Point("orchestration.sessions.lifecycle.take", "after", 1, again=3), ALL),
    (Point("orchestration.worker.preparing.candidate_places.begin", "after", 1, again=3, name="place-made"), ALL),
    (Point("orchestration.processes.agent_process.start", "after", 1, again=3, name="agent-started"), ALL),
    (Point("orchestration.worker.steps.verifying.verify", "before", 1), ALL),
    (Point("orchestration.sessions.rounds.close", "after", 1), ALL),
    (Point("orchestration.sessions.lifecycle.conclude", "before", 1), ALL),
    (Point("orchestration.worker.steps.verifying.verify", "before", 1, name="one-verification"), 1),
    (Point("orchestration.sessions.candidates.choose", "after", 1, name="chosen-and-not-committed"), 1),
    (Point("orchestration.worker.preparing.candidate_places.adopt", "before", 1, name="chosen-and-not-adopted"), ALL),
]
KILLS = part(EVERY_KILL, 5)


SLOW, NO_KILL = "slow for all but one", Point("", "")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    folder = tmp_path_factory.mktemp("candidates")
    (folder / "plans").mkdir()
    put_migrated(folder / "data")
    running = Running(folder / "data", **settings(folder) | SLOW_LEASE)
    until(running.is_ready, 30)
    running_sweep = Sweep(running, folder)
    try:
        running_sweep.call(
            "PATCH", "/config", {"agent": {"command": [sys.executable, "-S", AGENT, str(running_sweep.notes)]}, **ONLY_CHECKS}
        )
        running_sweep.add([point for point, _ in KILLS])
        for point, workers in KILLS:
            (running_sweep.plans / f"{running_sweep.entries[point]}.times").write_text(str(workers))
        [slow] = running_sweep.call("POST", "/todo/entries", {"entries": [{"content": SLOW, "budget_usd": 5}]})["entries"]
        running_sweep.entries[NO_KILL] = slow["id"]
        running_sweep.work(240)
        yield running_sweep
    finally:
        running_sweep.workers.end()
        running.process.terminate()
        running.process.wait(20)


ONLY_CHECKS = {"interceptor": None, "verifier": None, "route": "default best of 3"}


@pytest.mark.parametrize(("point", "workers"), KILLS, ids=lambda each: str(each) if isinstance(each, Point) else f"{each}-killed")
def test_after_kills_here_the_good_work_lands_once(sweep: Sweep, point: Point, workers: int) -> None:
    id_ = sweep.entries[point]
    assert (sweep.plans / f"{id_}.struck-0").exists(), "no worker was killed"
    assert sweep.rows("SELECT status FROM orchestration_entry WHERE id = ?", id_) == [("done",)]
    assert sweep.git("show", f"muster/integration:{id_}.txt") == "good"
    [(seq,)] = sweep.rows("SELECT seq FROM orchestration_entry WHERE id = ?", id_)
    subjects = sweep.git("log", "--format=%s", "muster/integration").split("\n")
    assert [subject for subject in subjects if subject.startswith(f"#{seq} ")] == [f"#{seq} killed at {point}"]


@pytest.mark.parametrize(("point", "workers"), KILLS, ids=lambda each: str(each) if isinstance(each, Point) else f"{each}-killed")
def test_after_kills_here_every_cent_is_booked_once(sweep: Sweep, point: Point, workers: int) -> None:
    id_ = sweep.entries[point]
    reported = sorted(int(amount) for amount in sweep.notes_of(id_, "reported"))
    booked = [row[0] for row in sweep.rows("SELECT amount FROM budget_ledgerentry WHERE account_id = ? ORDER BY amount", id_)]
    assert booked == reported
    [(spent, held)] = sweep.rows("SELECT spent, held FROM budget_account WHERE id = ?", id_)
    [(rounds,)] = sweep.rows("SELECT sum(cost) FROM budget_roundspend WHERE account_id = ?", id_)
    assert (spent, held, rounds) == (sum(reported), 0, sum(reported))


@pytest.mark.parametrize(("point", "workers"), KILLS, ids=lambda each: str(each) if isinstance(each, Point) else f"{each}-killed")
def test_after_kills_here_only_interrupted_turns_are_repeated(sweep: Sweep, point: Point, workers: int) -> None:
    turns = len(sweep.notes_of(sweep.entries[point], "turns"))
    assert turns <= 3 + point.again, "complete work is paid once"


def test_the_others_end_within_one_request_of_the_first_verdict(sweep: Sweep) -> None:
    id_ = sweep.entries[NO_KILL]
    rows = sweep.rows("SELECT candidate, outcome FROM orchestration_session WHERE entry_id = ? ORDER BY candidate", id_)
    assert rows == [(1, "not_chosen"), (2, "passed"), (3, "not_chosen")]
    [(passed_at,)] = sweep.rows(
        "SELECT unixepoch(ended_at, 'subsec') FROM orchestration_session WHERE entry_id = ? AND candidate = 2", id_
    )
    requests = [line.split(":") for line in sweep.notes_of(id_, "times")]
    for number in ("1", "3"):
        assert sum(float(at) > passed_at for candidate, at in requests if candidate == number) <= 1


def test_nothing_is_left_open_or_behind(sweep: Sweep) -> None:
    assert sweep.rows("SELECT id FROM orchestration_session WHERE status <> 'ended'") == []
    assert sweep.rows("SELECT id FROM budget_hold WHERE state <> 'settled'") == []
    assert sweep.rows("SELECT path FROM orchestration_filelock") == []
    assert sweep.rows("SELECT id FROM orchestration_round WHERE verdict = 'open' OR ended_at IS NULL") == []
    visible = (
        "SELECT entry_id, number FROM orchestration_round WHERE NOT is_set_aside GROUP BY entry_id, number HAVING count(*) > 1"
    )
    assert sweep.rows(visible) == []
    assert sweep.git("fsck", "--strict", "--no-dangling") == ""
    assert subprocess.run(["git", "-C", str(sweep.repo), "status", "--porcelain"], capture_output=True).stdout == b""
    assert Path(sweep.folder / "workers.log").exists()
