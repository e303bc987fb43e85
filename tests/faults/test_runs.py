"""Runs of a planner and of an orchestrator in a real Muster: stopped, and killed with their worker. No process lives on, and every cent is booked once."""

import json
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.harness import Client, until
from tests.faults.test_kills import Work

USAGE = json.dumps({"type": "usage", "id": "1", "cost_usd": 0.02})
RESULT = json.dumps({"type": "result", "summary": json.dumps({"entries": [{"content": "Parse dates"}]})})


class Planning(Work):
    """A workspace with a planner that spends $0.02, waits until there is a file `go`, and answers with one entry."""

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__(client, folder)
        self.place = folder / "planner"
        self.place.mkdir()
        command = f"echo '{USAGE}'; touch {self.place}/spent; until test -e {self.place}/go; do sleep 0.1; done; echo '{RESULT}'"
        self.client.call("PATCH", f"/workspaces/{self.id}/orchestration/config", {"planner": {"agent": {"command": command}}})

    def ask(self) -> str:
        """A run whose agent has spent its money."""
        (self.place / "spent").unlink(missing_ok=True)
        run = str(self.call("POST", "/plan-runs", {"goal": "Speak ISO"})["id"])
        until(lambda: self.run(run)["cost_usd"] == 0.02, 20)
        return run

    def run(self, run: str) -> Any:
        return self.call("GET", f"/runs/{run}")

    def planners(self) -> list[psutil.Process]:
        return [p for p in psutil.process_iter(["cmdline"]) if str(self.place) in " ".join(p.info["cmdline"] or [])]

    def ends(self, run: str, status: str) -> None:
        until(lambda: self.run(run)["ended_at"], 30)
        assert self.run(run)["status"] == status
        assert self.planners() == []
        assert self.call("GET", "/budget/holds")["holds"] == []


@pytest.fixture
def work(muster: tuple[Client, Path]) -> Planning:
    """In one Muster for all tests."""
    client, folder = muster
    return Planning(client, Path(tempfile.mkdtemp(dir=folder)))


def test_a_run_ends_with_its_proposals_and_they_become_entries(work: Planning) -> None:
    run = work.ask()
    (work.place / "go").touch()
    work.ends(run, "passed")
    assert len(work.call("POST", f"/runs/{run}/apply", {})["applied"]) == 1
    assert work.call("GET", "/budget")["global"]["orchestrator_spent_usd"] == 0.02


@pytest.mark.parametrize("address", ["/runs/{run}/stop", "/executor/stop-all"])
def test_a_stop_leaves_nothing_alive_and_books_what_was_spent(work: Planning, address: str) -> None:
    run = work.ask()
    work.call("POST", address.format(run=run))
    work.ends(run, "stopped")
    assert work.call("GET", "/budget")["global"]["orchestrator_spent_usd"] == 0.02


def test_a_run_whose_worker_is_killed_is_lost_and_its_usage_is_booked_once(work: Planning) -> None:
    run = work.ask()
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    work.ends(run, "lost")
    assert work.call("GET", "/budget")["global"]["orchestrator_spent_usd"] == 0.02
    (work.place / "go").touch()
    again = work.call("POST", "/plan-runs", {"goal": "Speak ISO"})["id"]
    work.ends(again, "passed")


def test_an_orchestrator_whose_worker_is_killed_leaves_the_way_free_for_the_next(work: Planning) -> None:
    result = json.dumps({"type": "result", "summary": json.dumps({"changes": []})})
    command = f"echo '{USAGE}'; touch {work.place}/spent; until test -e {work.place}/on; do sleep 0.1; done; echo '{result}'"
    config = {"orchestrator": {"agent": {"command": command}}}
    work.client.call("PATCH", f"/workspaces/{work.id}/orchestration/config", config)
    run = str(work.call("POST", "/orchestrator-runs", {})["id"])
    until(lambda: work.run(run)["cost_usd"] == 0.02, 20)
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    work.ends(run, "lost")
    (work.place / "on").touch()
    again = work.call("POST", "/orchestrator-runs", {})["id"]
    work.ends(again, "passed")
    assert work.call("GET", "/budget")["global"]["orchestrator_spent_usd"] == 0.04


def test_an_expander_that_is_killed_and_stopped_is_asked_again_and_its_children_replace_the_work(work: Planning) -> None:
    answer = {"entries": [{"content": "First half"}, {"content": "Second half"}]}
    result = json.dumps({"type": "result", "summary": json.dumps(answer)})
    command = f"echo '{USAGE}'; touch {work.place}/spent; until test -e {work.place}/split; do sleep 0.1; done; echo '{result}'"
    config = {"expander": {"agent": {"command": command}}}
    work.client.call("PATCH", f"/workspaces/{work.id}/orchestration/config", config)
    work.call("POST", "/executor/pause")
    entry = str(work.call("POST", "/todo/entries", {"entries": [{"content": "Too large", "budget_usd": 1}]})["entries"][0]["id"])

    def ask() -> str:
        run = str(work.call("POST", f"/todo/entries/{entry}/expand-runs")["id"])
        until(lambda: work.run(run)["cost_usd"] == 0.02, 20)
        return run

    killed = ask()
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    work.ends(killed, "lost")
    stopped = ask()
    work.call("POST", f"/runs/{stopped}/stop")
    work.ends(stopped, "stopped")
    assert work.call("GET", "/budget")["global"]["expansion_spent_usd"] == 0.04
    (work.place / "split").touch()
    run = ask()
    work.ends(run, "passed")
    work.call("POST", f"/runs/{run}/apply", {})
    shown = work.call("GET", f"/todo/entries/{entry}")
    children = [work.call("GET", f"/todo/entries/{child}") for child in shown["children"]]
    assert (shown["budget_usd"], [child["budget_usd"] for child in children]) == (1, [0.5, 0.5])
