"""Kill -9 of the control worker while it fires a trigger: each time of its schedule adds exactly one entry."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults import crashes
from tests.faults.crashes import Point, both
from tests.faults.harness import Client, Running, until
from tests.orchestration.git.repositories import a_repository

FIRING = "orchestration.triggers.firing"
POINTS = [
    *both(f"{FIRING}._add"),
    *both(f"{FIRING}._record"),
    *both("orchestration.triggers.due.fire_due"),
    Point(f"{FIRING}.fire", "after"),
]


@pytest.fixture
def up(start: Callable[..., Running], tmp_path: Path) -> Running:
    (tmp_path / "plans").mkdir()
    return start(**crashes.settings(tmp_path))


def test_each_time_adds_one_entry_wherever_the_control_worker_is_killed(up: Running, tmp_path: Path) -> None:
    client = Client(up)
    repo = str(a_repository(tmp_path / "repo"))
    values = {"name": "W", "repo": repo, "total_budget_usd": 100, "max_project_spend_usd": 100}
    workspace = client.call("POST", "/workspaces", values)["id"]

    def call(method: str, path: str, body: object = None) -> Any:
        return client.call(method, f"/workspaces/{workspace}/orchestration{path}", body)

    always = {"overlap": "queue", "catch_up": "one"}
    seldom = {"name": "N", "schedule": "0 0 29 2 *", "entry": {"content": "Do it"}, "firing_budget_usd": 1} | always
    trigger = call("POST", "/triggers", seldom)["id"]
    first = datetime.now(UTC) - timedelta(minutes=1)
    for n, point in enumerate(POINTS, start=1):
        control = up.children()["control"]
        (tmp_path / "plans" / "triggers").write_text(point.plan)
        came(up, trigger, first + timedelta(seconds=n))
        until(lambda: (tmp_path / "plans" / "triggers.done").exists(), 30)
        until(lambda control=control: up.children()["control"] != control, 30)  # type: ignore[misc]
        until(lambda: not due(up), 30)
        firings = call("GET", f"/triggers/{trigger}/firings")["firings"]
        entries = call("GET", "/todo")["entries"]
        assert (len(firings), len(entries)) == (n, n), point
        assert {row["entry_id"] for row in firings} == {row["id"] for row in entries}, point
        for left in (tmp_path / "plans").iterdir():
            left.unlink()


def came(up: Running, trigger: str, time: datetime) -> None:
    """Set the time of its schedule. A round that is killed after its work ends within a second: each has a time of its own, for it is the event's key."""
    with closing(sqlite3.connect(up.data / "muster.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE orchestration_trigger SET next_due = ? WHERE id = ?", (f"{time:%Y-%m-%d %H:%M:%S}", trigger))


def due(up: Running) -> list[Any]:
    with closing(sqlite3.connect(up.data / "muster.sqlite3", timeout=20)) as database:
        return database.execute("SELECT id FROM orchestration_trigger WHERE next_due < datetime('now')").fetchall()
