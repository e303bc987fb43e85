"""The Muster under test: started as a user starts it, with a workspace and a stream of work."""

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from config.system import sockets
from orchestration.processes.shim.procfs import MARKER_VARIABLE
from tests.chaos.second_host import SecondHost
from tests.faults.harness import ROOT, Client, Running, until

SETTINGS = {
    "MUSTER_LEASE_S": "4",
    "MUSTER_LEASE_GRACE_S": "1",
    "MUSTER_TICK_S": "0.5",
    "MUSTER_POLL_S": "0.2",
    "MUSTER_STOP_GRACE_S": "1",
    "MUSTER_SESSION_SLOTS": "2",
    "MUSTER_DRAIN_S": "10",
    "MUSTER_LOST_HOST_S": "20",
    "MUSTER_SECRET_KEY": "one key on both hosts, of more than fifty characters",
}
MAX_WORKERS = 3
IN_LINE = 5  # entries that are not done, while work is added
BUDGET_USD = 500
BRANCH = "muster/integration"
PATIENCE_S = 40.0  # for an answer of the API, while its processes are killed and started again
CHECK = 'for f in file-*.txt shared-*.txt; do [ ! -e "$f" ] || grep -q . "$f" || exit 1; done; ! grep -rlE "^(<<<<<<<|>>>>>>>)" . --include=*.txt'


class Place:
    """`folder`: everything of this run. `data`: Muster's data directory, on a file system of its own where that can be had. `hit`: sessions
    whose agent or shim was killed or frozen: they count as crashes of their entry."""

    def __init__(self, folder: Path, data: Path, environment: dict[str, str], dice: random.Random) -> None:
        self.folder, self.data, self.dice = folder, data, dice
        self.disk = data.parent
        self.repo, self.notes = folder / "repo", folder / "notes"
        self.notes.mkdir()
        self.port = free_port()
        base = {"MUSTER_REPO_ROOTS": str(folder), "MUSTER_BASE_URL": f"http://127.0.0.1:{self.port}"}
        self.environment = SETTINGS | environment | base
        _make_repository(self.repo)
        self.second = SecondHost(folder / "second" / "data")
        self.second.data.parent.mkdir()
        self.up = self._start()
        self.client = Client(self.up)
        self.workspace = self._add_workspace()
        self.entries: list[str] = []
        self.hit: set[str] = set()
        self.start_second()
        self.call("POST", "/executor/start")

    def _start(self) -> Running:
        up = Running(self.data, "--port", str(self.port), **self.environment)
        until(up.is_ready, 90)
        return up

    def start_second(self) -> None:
        """With the message broker's address of this moment: `up` chooses one at its start."""
        shared = {
            "DATABASE_URL": f"sqlite:///{self.data}/muster.sqlite3",
            **self.environment,
            "REDIS_URL": sockets.valkey_url(self.data),
        }
        self.second.start({**self.up.env, **shared})

    def restart(self) -> None:
        """Start `up` again after its death."""
        self.up.process.wait()
        token = self.client._token
        self.up = self._start()
        self.client.up, self.client._token = self.up, token
        self.second.vanish()
        self.start_second()

    def end(self) -> list[str]:
        """Ctrl-C. Returns the commands of what is still alive."""
        left = self.second.end()
        if self.up.process.poll() is None:
            self.up.process.send_signal(signal.SIGINT)
            self.up.process.wait(30)
        return [*left, *self.up.leftovers(), *(" ".join(process.cmdline()) for process in self.agents())]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """An answer of the API; asks again while a process is down or the disk is full. Raises AssertionError after PATIENCE_S."""
        return self.patiently(lambda: self.client.call(method, f"/workspaces/{self.workspace}/orchestration{path}", body))

    def patiently(self, action: Callable[[], Any]) -> Any:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                return action()
            except (OSError, AssertionError, ValueError) as problem:
                if time.monotonic() > give_up_at:
                    raise AssertionError(f"no answer within {PATIENCE_S:g} s: {problem}") from problem
                time.sleep(0.2)

    def _add_workspace(self) -> str:
        agent = [sys.executable, "-S", str(ROOT / "tests/chaos/agent.py"), str(self.notes)]
        config = {
            "max_workers": MAX_WORKERS,
            "agent": {"command": agent},
            "verify": [{"name": "files", "run": CHECK}],
            "round_ceiling_usd": 0.5,
            "plateau": {"rounds": 100, "epsilon": 0.01},
            "sandbox": {"write": [str(self.notes)]},
        }
        body = {
            "name": "Chaos",
            "repo": str(self.repo),
            "total_budget_usd": BUDGET_USD,
            "max_project_spend_usd": BUDGET_USD,
            "config": config,
        }
        return str(self.client.call("POST", "/workspaces", body)["id"])

    def add_work(self) -> None:
        """Keep some entries in line."""
        missing = IN_LINE - sum(entry["status"] != "done" for entry in self.backlog())
        if missing > 0:
            bodies = [self._entry(len(self.entries) + n) for n in range(missing)]
            self.entries += [row["id"] for row in self.call("POST", "/todo/entries", {"entries": bodies})["entries"]]

    def _entry(self, number: int) -> dict[str, Any]:
        files = [f"file-{number}.txt"] + [f"shared-{self.dice.randrange(3)}.txt"] * (self.dice.random() < 0.3)
        plan = {
            "files": files,
            "line": f"line of entry {number}",
            "steps": self.dice.randint(1, 6),
            "seconds": round(self.dice.uniform(0.3, 3.0), 2),
            "cost_usd": 0.01,
            "leaves_processes": self.dice.random() < 0.3,
        }
        return {"content": json.dumps(plan), "budget_usd": 20, "budget_rounds": 100, "spec": {"files_to_modify": files}}

    def backlog(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.call("GET", "/todo")["entries"]
        return entries

    def resume(self, entry_id: str) -> None:
        self.call("PATCH", f"/todo/entries/{entry_id}/status", {"status": "pending"})

    def agents(self) -> list[psutil.Process]:
        """Living agents."""
        return processes_with("tests/chaos/agent.py", str(self.notes))

    def shims(self) -> list[psutil.Process]:
        return [process for process in self._forked() if not self._is_server(process)]

    def fork_servers(self) -> list[psutil.Process]:
        return [process for process in self._forked() if self._is_server(process)]

    def _forked(self) -> list[psutil.Process]:
        """The fork servers of the session worker, and their shims."""
        try:
            below = psutil.Process(self.up.children()["sessions"]).children(recursive=True)
        except (psutil.Error, KeyError):
            return []
        return [process for process in below if any("fork_server.py" in word for word in words(process))]

    def _is_server(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error, KeyError):
            return process.environ()[MARKER_VARIABLE].startswith("--")  # room for a marker
        return False

    def note_hit(self, process: psutil.Process) -> None:
        with suppress(psutil.Error, KeyError):
            self.hit.add(process.environ()[MARKER_VARIABLE].strip("\0"))

    def git(self, *command: str) -> str:
        result = subprocess.run(["git", "-C", str(self.repo), *command], capture_output=True, text=True)
        return result.stdout.strip()


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else []
    except psutil.Error:
        return []


def processes_with(*parts: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if all(part in " ".join(words(process)) for part in parts)]


def _make_repository(path: Path) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "-q", "-b", "main", str(path)], check=True)
    (path / "README").write_text("a project\n")
    subprocess.run([*git, "-C", str(path), "add", "-A"], check=True)
    subprocess.run([*git, "-C", str(path), "commit", "-q", "-m", "begin"], check=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
