"""A workspace with a repository of many files, whose entries do next to nothing."""

import argparse
import statistics
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from tests.faults.harness import Client
from tests.faults.shop import Shop


def a_repository(path: Path, files: int) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", str(path)]
    path.mkdir(parents=True)
    for n in range(files):
        file = path / f"d{n // 500}" / f"f{n}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"file {n}\n" * 5)
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "begin"]):
        subprocess.run([*git, *command], check=True)


def one_checkout(folder: Path, files: int) -> float:
    """Seconds, at the median of three."""
    a_repository(folder / "alone", files)
    taken = []
    for n in range(3):
        began = time.monotonic()
        target = folder / f"alone-{n}"
        subprocess.run(["git", "-C", str(folder / "alone"), "worktree", "add", "-q", "--detach", str(target)], check=True)
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


class Place(Shop):
    """A shop of that many files, which starts paused."""

    def __init__(self, client: Client, folder: Path, chosen: argparse.Namespace, agent: dict[str, object]) -> None:
        self.client, self.repo = client, folder / "repo"
        a_repository(self.repo, chosen.files)
        config = {
            "agent": agent,
            "verify": [{"name": "nothing", "run": "true"}],
            "max_workers": chosen.slots,
            "round_ceiling_usd": 1,
            **({"sandbox": {"write": [str(folder / "notes")]}} if find_spec("orchestration.processes.sandbox") else {}),
        }
        budget = {"total_budget_usd": 1000, "max_project_spend_usd": 1000}
        body = {"name": "Landed", "repo": str(self.repo), "config": config, **budget}
        self.path = f"/workspaces/{client.call('POST', '/workspaces', body)['id']}/orchestration"
        self.call("POST", "/executor/start")
        self.call("POST", "/executor/pause")

    def line_up(self, entries: int) -> list[str]:
        bodies = [
            {"content": f"Entry {n}", "budget_usd": 1, "spec": {"files_to_create": [f"work-{n}.txt"]}} for n in range(entries)
        ]
        return [row["id"] for row in self.call("POST", "/todo/entries", {"entries": bodies})["entries"]]

    def done(self) -> int:
        entries = self.call("GET", "/todo")["entries"]
        assert not [entry for entry in entries if entry["status"] in ("failed", "blocked")], entries
        return sum(entry["status"] == "done" for entry in entries)
