"""A whole Muster, started as a user starts it, with cheap programs in the place of the agents' CLIs; and a workspace in it for each case."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.seams import forge
from bench.seams.forge import Forge
from bench.seams.oracle import ENTRIES, PLENTY, Case
from bench.seams.provider import Provider
from config.system import sockets
from tests.chaos.second_host import SecondHost
from tests.faults.harness import ROOT, Client, Running, until
from tests.plugins import throwaway
from tests.plugins.database import put_migrated

QUICK_LEASE = {"MUSTER_LEASE_S": "5", "MUSTER_LEASE_GRACE_S": "1"}
"""Where a process is killed, so that a case is not a minute of waiting for a lease."""
AGENT = ROOT / "bench/seams/agent.py"
READY_S, END_S = 90.0, 40.0


class World:
    """One `up`, and a second host beside it where there are two. `programs`: a folder with the agents' programs; `port`: a free one for checks that listen."""

    second: SecondHost | None = None

    def __init__(self, folder: Path, database: str, *, is_killed: bool, has_two: bool) -> None:
        self.folder, self.programs, self.has_quick_lease = folder, folder / "bin", is_killed
        self.programs.mkdir()
        for name in ("claude", "qwen", "command"):
            program = self.programs / name
            program.write_text(f"#!{os.path.realpath(sys.executable)} -S\n{AGENT.read_text()}")
            program.chmod(0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        settings = {
            "MUSTER_REPO_ROOTS": str(folder),
            "MUSTER_WEBHOOK_ALLOW": "127.0.0.1",
            "MUSTER_SECRET_KEY": "one key on both hosts, of more than fifty characters",
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
        }
        if database:
            settings["DATABASE_URL"] = database
        else:
            put_migrated(folder / "data")
        self.up = Running(folder / "data", **settings, **(QUICK_LEASE if is_killed else {}))
        try:
            until(self.up.is_ready, READY_S)
            self.client = Client(self.up)
            if has_two:
                (folder / "second").mkdir()
                self.second = SecondHost(folder / "second" / "data")
                self.start_second()
        except BaseException:
            self.end()
            raise

    def start_second(self) -> None:
        """Shares database, broker, web server and gateway, each at the address of this start."""
        assert self.second
        data = self.up.data
        shared = {
            "DATABASE_URL": f"sqlite:///{data}/muster.sqlite3",
            **self.up.env,
            "REDIS_URL": sockets.valkey_url(data),
            "MUSTER_GATEWAY_URL": (data / "gateway-address").read_text(),
            "MUSTER_BASE_URL": f"http://127.0.0.1:{self.up.port}",
        }
        self.second.start(shared)

    def end(self) -> list[str]:
        """Ctrl-C. Returns the commands of what is still alive."""
        left = self.second.end() if self.second else []
        if self.up.process.poll() is None:
            self.up.process.terminate()
            try:
                self.up.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.up.process.kill()
                self.up.process.wait()
        return left + self.up.leftovers()

    def processes(self) -> list[psutil.Process]:
        """Muster's own, without the database's."""
        up = psutil.Process(self.up.process.pid)
        return [up, *up.children(recursive=True), *(self.second.processes() if self.second else [])]


@contextmanager
def world(database: str, *, is_killed: bool, has_two: bool) -> Iterator[World]:
    """`database`: sqlite or postgresql, a server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="muster-seams-"))
    try:
        if database == "sqlite":
            yield from _one(folder, "", is_killed, has_two)
        else:
            with throwaway.servers("postgresql") as environ:
                yield from _one(folder, environ["DATABASE_URL"], is_killed, has_two)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _one(folder: Path, url: str, is_killed: bool, has_two: bool) -> Iterator[World]:
    made = World(folder, url, is_killed=is_killed, has_two=has_two)
    try:
        yield made
    finally:
        if left := made.end():
            print(f"BROKEN: processes are left: {left}", flush=True)


class Workspace:
    """A case's workspace and repository. `ids`: its entries, in the order of its tasks."""

    def __init__(self, world: World, case: Case, provider: Provider, name: str) -> None:
        self.world, self.case, self.folder = world, case, world.folder / name
        self.folder.mkdir()
        self.repo = self.folder / "repo"
        self.forge: Forge | None = None
        self.repo.mkdir()
        self.git("init", "-q", "-b", "main")
        self.commit("begin", case.in_repository())
        self.forge = self._at_forge() if case.has("pull request") else None
        config = case.config(provider.url) | (self.forge.config() if self.forge else {})
        body = {"name": name, "repo": str(self.repo), "total_budget_usd": case.plan, "max_project_spend_usd": case.cap}
        workspace = world.client.call("POST", "/workspaces", {**body, "config": config})
        self.path = f"/workspaces/{workspace['id']}/orchestration"
        for secret, value in (("FORGE_TOKEN", "a-token"), ("FORGE_WEBHOOK_SECRET", forge.SECRET)) if self.forge else ():
            self.call("PUT", f"/secrets/{secret}", {"value": value})
        if case.day_limit is not None:
            self.limit_day(case.day_limit)
        self.ids = self._called(case) if case.has("webhook") else self._added(case)
        assert len(self.ids) == ENTRIES

    def _at_forge(self) -> Forge:
        remote = self.folder / "remote.git"
        self.git("clone", "--quiet", "--bare", str(self.repo), str(remote))
        self.git("remote", "add", "origin", str(remote))
        return Forge(remote)

    def merge_pull_requests(self) -> None:
        """Merge every open pull request as a person does at the forge, and send Muster its webhooks."""
        for body, headers in self.forge.merge_open() if self.forge else ():
            connection = self.world.up.connect(20)
            connection.request("POST", f"/api/v1{self.path}/forge/webhook", body, headers)
            connection.getresponse().read()

    def close(self) -> None:
        self.call("POST", "/executor/stop-all")
        if self.forge:
            self.forge.shutdown()
            self.forge.server_close()

    def _added(self, case: Case) -> list[str]:
        return [row["id"] for row in self.call("POST", "/todo/entries", {"entries": case.bodies()})["entries"]]

    def _called(self, case: Case) -> list[str]:
        """By the webhook of a trigger each, as a program with its secret calls it. `ref` and `budget_usd` are of a backlog's own entries."""
        ids = []
        for n, body in enumerate(case.bodies()):
            entry = {name: body[name] for name in ("content", "spec", "budget_rounds")}
            trigger = {"name": f"of {n}", "kind": "webhook", "entry": entry, "firing_budget_usd": body.get("budget_usd", PLENTY)}
            made = self.call("POST", "/triggers", trigger)
            headers = {"Authorization": f"Bearer {made['secret']}", "webhook-id": f"call-{n}"}
            connection = self.world.up.connect(20)
            connection.request("POST", urlsplit(made["url"]).path, "{}", headers | {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            ids.append(answer["entry_id"])
        return ids

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.world.client.call(method, self.path + path, body)

    def limit_day(self, usd: float) -> None:
        self.call("PUT", "/budget/limits", {"limits": [{"category": "total", "period": "day", "limit_usd": usd}]})

    def raise_money(self) -> None:
        if self.case.day_limit is not None:
            self.limit_day(PLENTY)
        self.call("PATCH", "/budget", {"max_project_spend_usd": PLENTY})

    def commit(self, subject: str, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.repo / name).write_text(text)
        self.git("add", "-A")
        self.git("-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", subject)
        if self.forge:
            self.git("fetch", "-q", "origin")
            self.git("-c", "user.name=t", "-c", "user.email=t@localhost", "merge", "-q", "origin/main")
            self.git("push", "-q", "origin", "HEAD:main")

    def git(self, *command: str) -> str:
        return subprocess.run(["git", "-C", str(self.repo), *command], capture_output=True, text=True).stdout.strip()

    def landed(self) -> set[str]:
        """Files on the branch where work lands."""
        if self.forge:
            self.git("fetch", "-q", "origin")
            return set(self.git("ls-tree", "-r", "--name-only", "origin/main").splitlines())
        return set(self.git("ls-tree", "-r", "--name-only", "muster/integration").splitlines())

    def agents_alive(self) -> list[str]:
        """Programs of this case's sessions that still run."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.world.programs) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline())[:100])
            except psutil.Error:
                continue
        return found
