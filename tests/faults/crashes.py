"""Plans of a crash sweep (crashing/sitecustomize.py), and the session workers that carry them out: killed ones are replaced, as `up` does."""

import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.system import sockets
from tests.faults.harness import ROOT, Running
from tests.faults.test_kills import QUICK

WORKERS = 4
# Generous, so that no worker is fenced on a busy machine. The reaper detects a dead worker of this host without waiting for its lease.
SLOW_LEASE = {"MUSTER_LEASE_S": "12"}


@dataclass(frozen=True)
class Point:
    """Kills a worker at the n-th call of a function. `again`: how many turns of the implementing agent are repeated then."""

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
        return f"{module} {function} {self.when} {self.n} {self.word}"


def both(step: str, n: int = 1, *, name: str = "", **more: Any) -> list[Point]:
    return [Point(step, when, n, name=name and f"{when}-{name}", **more) for when in ("before", "after")]


def settings(folder: Path, *, slots: int = 1) -> dict[str, str]:
    """The settings of a Muster whose workers carry out the plans in `folder`/plans, with so many session slots each."""
    crashing = {"CRASH_PLANS": str(folder / "plans"), "PYTHONPATH": str(ROOT / "tests/faults/crashing")}
    return QUICK | crashing | {"MUSTER_SESSION_SLOTS": str(slots), "MUSTER_REPO_ROOTS": str(folder)}


class Workers:
    """Session workers beside `up`'s own: WORKERS in all, until `end`."""

    def __init__(self, up: Running, log: Path) -> None:
        env = up.env | {"REDIS_URL": sockets.valkey_url(up.data)}
        command = [sys.executable, "-m", "tests.faults.more_workers", str(WORKERS - 1)]
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=out, stderr=out)

    def end(self) -> None:
        assert self.process.stdin
        if not self.process.stdin.closed:  # a sweep ends them before it looks at the work
            assert self.process.poll() is None, "they ended before they were to"
            self.process.stdin.close()
        self.process.wait(40)


def rows(up: Running, sql: str, *values: object) -> list[Any]:
    with sqlite3.connect(up.data / "muster.sqlite3", timeout=20) as database:
        return database.execute(sql, values).fetchall()
