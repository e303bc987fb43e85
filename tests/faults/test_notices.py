"""Notices in a complete Muster: sent soon after the event, and again if their sender is killed while sending."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Client, Running, until
from tests.workspaces.notices.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running_receiver:
        yield running_receiver


class NotifiedWorkspace:
    """A workspace with a channel to the receiver, and entries to put on hold."""

    def __init__(self, up: Running, folder: Path, receiver: Receiver) -> None:
        self.client = Client(up)
        repo = folder / "repo"
        subprocess.run(["git", "init", "-q", "-b", "main", repo], check=True)
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", "-C", repo, *identity, "commit", "-q", "--allow-empty", "-m", "Begin"], check=True)
        workspace = {"name": "W", "repo": str(repo), "total_budget_usd": 100, "max_project_spend_usd": 100}
        self.id = self.client.call("POST", "/workspaces", workspace)["id"]
        channel = {"kind": "webhook", "name": "Ops", "target": receiver.url, "verbs": ["entry.blocked"]}
        self.secret = self.call("POST", "/notices/channels", channel)["secret"]
        entries = {"entries": [{"content": f"entry {n}"} for n in range(3)]}
        self.entries = [entry["id"] for entry in self.call("POST", "/todo/entries", entries)["entries"]]

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.client.call(method, f"/workspaces/{self.id}/orchestration{path}", body)

    def hold(self, number: int) -> None:
        self.call("PATCH", f"/todo/entries/{self.entries[number]}/status", {"status": "blocked"})


@pytest.fixture
def notified(start: Callable[..., Running], tmp_path: Path, receiver: Receiver) -> NotifiedWorkspace:
    up = start(MUSTER_REPO_ROOTS=str(tmp_path), MUSTER_WEBHOOK_ALLOW="127.0.0.1", MUSTER_TICK_S="5")
    return NotifiedWorkspace(up, tmp_path, receiver)


def test_a_notice_arrives_soon_by_a_wake_up(notified: NotifiedWorkspace, receiver: Receiver) -> None:
    time.sleep(1)  # so that not all three events come just before a tick
    waited = []
    for number in range(3):
        notified.hold(number)
        waited.append(until(lambda number=number: len(receiver.received) > number, 6))  # type: ignore[misc]
    print(f"from the API's response to the receiver, s: {[round(seconds, 3) for seconds in waited]}")
    assert sorted(waited)[1] < 1.0
    assert [payload["type"] for payload in receiver.verified(notified.secret)] == ["entry.blocked"] * 3
    until(lambda: notified.call("GET", "/notices/deliveries?state=delivered")["deliveries"][2:], 5)


def test_a_sender_killed_in_the_middle_sends_again_after_its_lease(notified: NotifiedWorkspace, receiver: Receiver) -> None:
    receiver.pause_s = 4.0
    notified.hold(0)
    until(lambda: receiver.received, 10)
    os.kill(notified.client.up.children()["control"], signal.SIGKILL)
    receiver.pause_s = 0.0
    [delivery] = notified.call("GET", "/notices/deliveries")["deliveries"]
    assert (delivery["state"], delivery["attempts"]) == ("pending", 1)
    with sqlite3.connect(notified.client.up.data / "muster.sqlite3", timeout=20) as database:  # as if the lease were over
        database.execute("UPDATE workspaces_delivery SET due_at = '2020-01-01 00:00:00'")
    until(lambda: notified.call("GET", "/notices/deliveries")["deliveries"][0]["state"] == "delivered", 30)
    assert len(receiver.received) == 2 and len(set(receiver.ids())) == 1
