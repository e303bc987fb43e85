"""Waiting times of two commits, measured in turns: from a fresh clone to the first page, a second start, a command; and what Muster takes at rest.

`python -m bench starts OLD [NEW] [--pairs 3] [--seconds 60]`

NEW is HEAD unless it is given. Each run has a home of its own, so nothing is installed before; package indexes are asked as `./muster` asks them.
A start ends with the first answer of the login page. At rest: `--seconds` s, from 20 s after the second start. Memory is proportional (PSS).
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
STARTED_S = 400.0
SETTLED_S = 20.0
FIGURES = {
    "first_s": "first start, s",
    "second_s": "second start, s",
    "second_cpu_s": "second start, s of CPU",
    "rest_percent": "at rest, % of a core",
    "rest_mb": "at rest, MB",
    "command_cpu_s": "token create, s of CPU",
}


class Checkout:
    """A fresh clone of a commit with an empty home."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.code, home = folder / "muster", folder / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.code)], check=True)
        subprocess.run(["git", "-C", str(self.code), "checkout", "-q", commit], check=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MUSTER", "VIRTUAL_ENV"))}
        self.env = kept | {"HOME": str(home)}
        self.log = folder / "out.log"
        self.up: psutil.Process | None = None

    def start(self) -> tuple[psutil.Process, float]:
        """The running Muster, and the seconds until its login page answered."""
        port = _free_port()
        began = time.monotonic()
        with open(self.log, "ab") as log:
            command = ["./muster", "up", "--no-demo", "--port", str(port)]
            self.up = up = psutil.Popen(command, cwd=self.code, env=self.env, stdout=log, stderr=log, start_new_session=True)
        while not _answers(f"http://127.0.0.1:{port}/login/"):
            if up.poll() is not None or time.monotonic() - began > STARTED_S:
                raise SystemExit(f"It did not start:\n{self.log.read_text()}")
            time.sleep(0.03)
        return up, time.monotonic() - began

    def end(self) -> None:
        """Also after a measurement that failed: no Muster is left."""
        if self.up is not None and self.up.is_running():
            self.up.send_signal(signal.SIGINT)
            self.up.wait(60)

    def command_cpu_s(self) -> float:
        before = os.times()
        subprocess.run(
            ["./muster", "token", "create", "measured"], cwd=self.code, env=self.env, check=True, stdout=subprocess.DEVNULL
        )
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench starts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new", nargs="?", default="HEAD")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args(arguments)
    rows: dict[str, list[dict[str, float]]] = {options.old: [], options.new: []}
    for _ in range(options.pairs):
        for commit, done in rows.items():
            done.append(measure(commit, options.seconds))
            print(f"{commit}: {json.dumps(done[-1])}", flush=True)
    for name, words in FIGURES.items():
        old, new = (statistics.median(row[name] for row in done) for done in rows.values())
        print(f"{words:24} {old:8.2f} {new:8.2f}   {new / old:.2f}x")
    return 0


def measure(commit: str, seconds: float) -> dict[str, float]:
    """One run of a commit. Its clone and its data are removed."""
    folder = Path(tempfile.mkdtemp(prefix="muster-starts-"))
    checkout = Checkout(folder, commit)
    try:
        _, first = checkout.start()
        checkout.end()
        up, second = checkout.start()
        started = _cpu_s(up)
        time.sleep(SETTLED_S)
        before = _cpu_s(up)
        time.sleep(seconds)
        percent, megabytes = 100 * (_cpu_s(up) - before) / seconds, _megabytes(up)
        command = checkout.command_cpu_s()
    finally:
        checkout.end()
        shutil.rmtree(folder, ignore_errors=True)
    figures = (first, second, started, percent, megabytes, command)
    return {name: round(value, 2) for name, value in zip(FIGURES, figures, strict=True)}


def _processes(up: psutil.Process) -> list[psutil.Process]:
    return [up, *up.children(recursive=True)]


def _cpu_s(up: psutil.Process) -> float:
    """With the children that have ended."""
    return sum(sum(process.cpu_times()[:4]) for process in _processes(up))


def _megabytes(up: psutil.Process) -> float:
    return sum(process.memory_full_info().pss for process in _processes(up)) / 1024 / 1024


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
