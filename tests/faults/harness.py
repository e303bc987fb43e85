"""A complete Muster under a test: started as a user starts it, observed from outside."""

import hashlib
import http.client
import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from config.up.children import die_with_parent
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
GRACE = 2
WRITE_TOKEN = (
    "INSERT INTO workspaces_apitoken (name, digest, prefix, role, session_ref, created_by) VALUES ('test', ?, ?, 'admin', '', '')"
)


class Running:
    """One `muster up` on a data directory, observed from outside. `code`: where its code is."""

    def __init__(self, data: Path, *args: str, demo: bool = False, code: Path = ROOT, **extra: str) -> None:
        data.parent.mkdir(exist_ok=True)
        self.data, self.code = data, code
        env = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
        env |= {"MUSTER_DATA_DIR": str(data), "MUSTER_STOP_GRACE_S": str(GRACE), **extra}
        command = [sys.executable, "-m", "config.up", *([] if demo else ["--no-demo"]), "--port", "0", *args]
        self.env = env
        self.log = data.parent / "up.out"
        ends_with_us = partial(die_with_parent, signal.SIGTERM, os.getpid())  # a run that is cut off leaves no Muster behind
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                command, cwd=code, env=env, stdout=out, stderr=out, start_new_session=True, preexec_fn=ends_with_us
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    @property
    def port(self) -> int:
        match = re.search(r"http://127\.0\.0\.1:(\d+)/", self.output)
        assert match, self.output
        return int(match[1])

    def children(self) -> dict[str, int]:
        try:
            return {row["name"]: row["pid"] for row in json.loads((self.data / "children.json").read_text())}
        except FileNotFoundError:
            return {}

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.output
        return "Muster is running" in self.output

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str, within_s: float = 10) -> int:
        connection = self.connect(within_s)
        connection.request("GET", path)
        return connection.getresponse().status

    def muster(self, *args: str) -> str:
        """A management command on this data directory; its output."""
        result = subprocess.run(
            [sys.executable, "-m", "manage", *args], cwd=self.code, env=self.env, capture_output=True, text=True, timeout=180
        )
        is_diagnosis = args[:1] == ("doctor",) and result.returncode == 1  # whatever this machine lacks
        assert result.returncode == 0 or is_diagnosis, result.stdout + result.stderr
        return result.stdout

    def token(self) -> str:
        """The secret of a new token. Written here where no workspace has to record it: the command costs a second of CPU."""
        if "DATABASE_URL" in self.env or self.code != ROOT:
            return self.muster("token", "create", "test").strip()
        secret = secrets.token_urlsafe(32)
        with closing(sqlite3.connect(self.data / "muster.sqlite3", timeout=20)) as database, database:
            if database.execute("SELECT 1 FROM workspaces_workspace").fetchone():
                return self.muster("token", "create", "test").strip()
            database.execute(WRITE_TOKEN, (hashlib.sha256(secret.encode()).hexdigest(), secret[:12]))
        return secret

    def leftovers(self) -> list[str]:
        return self.leftovers_of(self.data)

    @staticmethod
    def leftovers_of(data: Path) -> list[str]:
        """The commands of all processes on this machine with this data directory in their environment."""
        commands = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("MUSTER_DATA_DIR") == str(data) and process.status() != psutil.STATUS_ZOMBIE:
                    commands.append(" ".join(process.cmdline()))
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return commands


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # its new parent may not have reaped it yet
    except psutil.NoSuchProcess:
        return False


def cpu_of(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """Seconds that each living one has used so far, by its id."""
    times = {}
    for process in processes:
        with suppress(psutil.Error):
            times[process.pid] = sum(process.cpu_times()[:2])
    return times


def until(condition: Callable[[], object], seconds: float, *, every: float = 0.02) -> float:
    """The seconds that it took. In CI it waits longer (tests/patience.py): who means a bound asserts the answer."""
    began = asked = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds * PATIENCE, f"not within {seconds * PATIENCE} s"
        time.sleep(max(every, 3 * (time.monotonic() - asked)))  # what is costly to ask is asked less often
        asked = time.monotonic()
    return time.monotonic() - began


class Client:
    """The API of a running Muster, with an admin's token."""

    def __init__(self, up: Running) -> None:
        self.up = up
        self._token = up.token()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The parsed response. Any status but 2xx fails the test."""
        return json.loads(self.text(method, path, body))

    def metrics(self) -> str:
        connection = self.up.connect(20)
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {self._token}"})
        return connection.getresponse().read().decode()

    def text(self, method: str, path: str, body: object = None) -> str:
        """The response body."""
        connection = self.up.connect(20)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        text = response.read().decode()
        assert 200 <= response.status < 300, f"{method} {path}: {response.status} {text}"
        return text
