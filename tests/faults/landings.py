"""Workspaces of one Muster whose landings are disturbed: each with a repository, a remote, and an agent that writes the file that its entry names."""

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.crashes import Workers, rows
from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.test_kills import _repository

AGENT = [sys.executable, "-S", str(ROOT / "tests/faults/landing_agent.py")]
BRANCH = "muster/integration"


class Site:
    """A running Muster with its session workers. `folder` has a folder `plans`."""

    def __init__(self, up: Running, folder: Path) -> None:
        self.up, self.folder, self.plans, self.notes = up, folder, folder / "plans", folder / "notes"
        self.client, self.workers = Client(up), Workers(up, folder / "workers.log")
        self.notes.mkdir()
        template = folder / "template"
        template.mkdir()
        _repository(template / "repo")
        subprocess.run(["git", "init", "-q", "--bare", str(template / "remote.git")], check=True)
        subprocess.run(["git", "-C", str(template / "repo"), "remote", "add", "origin", "../remote.git"], check=True)

    def rows(self, sql: str, *values: object) -> list[Any]:
        return rows(self.up, sql, *values)

    def write(self, sql: str) -> None:
        with sqlite3.connect(self.up.data / "muster.sqlite3", timeout=20) as database:
            database.execute(sql)

    def wait_until_idle(self, seconds: float) -> None:
        """Every plan was carried out, every entry is done, and no lander has or wants a lease."""
        until(self._is_idle, seconds, every=0.3)

    def _is_idle(self) -> bool:
        open_rows = (
            "orchestration_entry WHERE status <> 'done'",
            "orchestration_landing WHERE state IN ('queued', 'checking')",
            "orchestration_integration WHERE state <> 'good' OR due OR lease_until IS NOT NULL",
        )
        is_planned = any("." not in path.name for path in self.plans.iterdir())
        return not is_planned and not any(self.rows(f"SELECT 1 FROM {where} LIMIT 1") for where in open_rows)


@dataclass
class Place:
    """One workspace. Its check is red when there are a file `old` and a file `new`."""

    site: Site
    name: str
    id: str = ""

    def __post_init__(self) -> None:
        folder = self.site.folder / self.name
        self.repo, self.remote = folder / "repo", folder / "remote.git"
        shutil.copytree(self.site.folder / "template", folder)
        config = {
            "agent": {"command": [*AGENT, str(self.site.notes), "land"]},
            "verify": [{"name": "pair", "run": "test ! -e old || test ! -e new"}],
            "round_ceiling_usd": 0.5,
            "push": {"remote": "origin"},
        }
        money = {"total_budget_usd": 9, "max_project_spend_usd": 9}
        workspace = {"name": self.name, "repo": str(self.repo), "config": config, **money}
        self.id = self.site.client.call("POST", "/workspaces", workspace)["id"]
        self.call("POST", "/executor/start")

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.site.client.call(method, f"/workspaces/{self.id}/orchestration{path}", body)

    def git(self, *command: str, folder: Path | None = None) -> str:
        done = subprocess.run(["git", "-C", str(folder or self.repo), *command], capture_output=True, text=True)
        return done.stdout.strip()

    def plan(self, text: str) -> None:
        """Set its lander's plan (crashing/sitecustomize.py)."""
        (self.site.plans / self.id).write_text(text.format(workspace=self.id))

    def add(self, *names: str) -> None:
        entries = [{"content": f"write {name}", "budget_usd": 2, "spec": {"files_to_create": [name]}} for name in names]
        self.call("POST", "/todo/entries", {"entries": entries})

    def rows(self, table: str, columns: str, order: str = "id") -> list[Any]:
        return self.site.rows(f"SELECT {columns} FROM {table} WHERE workspace_id = ? ORDER BY {order}", self.id)

    def events(self) -> list[str]:
        return [verb for (verb,) in self.rows("workspaces_event", "verb")]

    @property
    def first(self) -> str:
        """The commit with which the repository began."""
        return self.git("rev-list", "--max-parents=0", BRANCH)

    def first_parents(self, form: str) -> list[str]:
        """The commits that Muster wrote, oldest first."""
        return self.git("log", "--first-parent", "--reverse", f"--format={form}", f"{self.first}..{BRANCH}").split("\n")
