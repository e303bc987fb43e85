"""A workspace in a running Muster, with an agent that executes its entry's content (planned_agent.py)."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.test_kills import _repository

AGENT = [sys.executable, str(ROOT / "tests/faults/planned_agent.py")]


class Shop:
    """One workspace, through the API and its repository."""

    def __init__(self, client: Client, folder: Path, *, usd: float = 50, **config: Any) -> None:
        self.client = client
        self.repo = folder / "repo"
        _repository(self.repo)
        settings = {
            "agent": {"command": AGENT},
            "round_ceiling_usd": 5,
            "verify": [{"name": "ok", "run": "test -f ok"}],
            **config,
        }
        workspace = {
            "name": folder.name,
            "repo": str(self.repo),
            "total_budget_usd": usd,
            "max_project_spend_usd": usd,
            "config": settings,
        }
        self.path = f"/workspaces/{client.call('POST', '/workspaces', workspace)['id']}/orchestration"
        self.call("POST", "/executor/start")

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.client.call(method, self.path + path, body)

    def add(self, *lines: str, **more: Any) -> str:
        entry = {"content": "\n".join(lines), "budget_usd": 5, **more}
        return str(self.call("POST", "/todo/entries", {"entries": [entry]})["entries"][0]["id"])

    def entry(self, id_: str) -> dict[str, Any]:
        response: dict[str, Any] = self.call("GET", f"/todo/entries/{id_}")
        return response

    def becomes(self, id_: str, status: str, seconds: float = 25) -> dict[str, Any]:
        until(lambda: self.entry(id_)["status"] == status, seconds, every=0.1)
        return self.entry(id_)

    def rounds(self, id_: str) -> list[dict[str, Any]]:
        response: list[dict[str, Any]] = self.call("GET", f"/todo/entries/{id_}/rounds")["rounds"]
        return response

    def session(self, id_: str) -> dict[str, Any]:
        response: dict[str, Any] = self.call("GET", f"/executor/sessions/{self.entry(id_)['session_ids'][-1]}")
        return response

    def sessions(self, id_: str) -> list[dict[str, Any]]:
        """All sessions of an entry, newest first."""
        return [self.call("GET", f"/executor/sessions/{session_id}") for session_id in reversed(self.entry(id_)["session_ids"])]

    def merged(self, name: str) -> str:
        return self.git("show", f"muster/integration:{name}")

    def git(self, *command: str) -> str:
        return subprocess.run(["git", "-C", str(self.repo), *command], capture_output=True, text=True).stdout.strip()

    @property
    def up(self) -> Running:
        return self.client.up

    def folder_of(self, id_: str) -> Path:
        return self.up.data / "worktrees" / id_
