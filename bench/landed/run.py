"""`python -m bench landed [--entries 40] [--slots 4] [--files 10] [--postgresql]`: entries that do next to nothing, in a real Muster.

P1: CPU seconds of all of Muster's processes for an entry, against `bare.sh`. P2: wall time for all of them, against `bare.sh` with as many
at once. P3: git processes for an entry, counted in a second, shorter run, since counting costs. With `--together`, as many agents as
entries wait for each other and end in one moment; P5: sessions that crashed, and agents that ran twice; P6, with `--files 30000 --entries 20`:
from claimed to the agent's first statement, against one checkout alone x slots / cores.
"""

import argparse
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.landed import together
from bench.landed.place import Place, a_repository
from tests.faults.harness import Client, Running, until

BARE = Path(__file__).with_name("bare.sh")
COUNTED = 8
AGENT = """date +%s.%N > {notes}/$MUSTER_ENTRY_ID.began
echo done > work-$MUSTER_ENTRY_ID.txt"""
CLAIMED = """
import json
from orchestration.models import Session
print(json.dumps({s.entry_id: s.claimed_at.timestamp() for s in Session.objects.filter(outcome="passed")}))
"""


@dataclass
class Measured:
    cpu_s: float
    wall_s: float
    gits: int
    to_agent_s: list[float]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench landed", description=__doc__)
    parser.add_argument("--entries", type=int, default=40)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--files", type=int, default=10, help="in the repository")
    parser.add_argument("--together", action="store_true", help="all agents end in one moment")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="muster-landed-") as folder:
        measure = together.measure if chosen.together else _compare
        if not chosen.postgresql:
            return measure(Path(folder), chosen, {})
        servers = subprocess.Popen(
            [sys.executable, "-m", "tests.plugins.throwaway", "postgresql", "durable"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert servers.stdin and servers.stdout
        try:
            return measure(Path(folder), chosen, {"DATABASE_URL": json.loads(servers.stdout.readline())["DATABASE_URL"]})
        finally:
            servers.stdin.close()
            servers.wait(30)


def _compare(folder: Path, chosen: argparse.Namespace, extra: dict[str, str]) -> int:
    before = _bare(folder / "bare-1", chosen)
    ours = _muster(folder / "ours", chosen, chosen.entries, extra)
    after = _bare(folder / "bare-2", chosen)
    bare_cpu, bare_wall = (before[0] + after[0]) / 2, (before[1] + after[1]) / 2
    n = chosen.entries
    print(f"P1 CPU ms an entry      {ours.cpu_s / n * 1000:8.0f}  bare {bare_cpu / n * 1000:6.0f}  {ours.cpu_s / bare_cpu:5.2f}x")
    print(f"P2 wall s for {n:4} at {chosen.slots:2}  {ours.wall_s:8.2f}  bare {bare_wall:6.2f}  {ours.wall_s / bare_wall:5.2f}x")
    if not extra:
        counted = _muster(folder / "counted", chosen, COUNTED, extra, count=True)
        print(f"P3 git processes        {counted.gits / COUNTED:8.1f}  an entry")
    print(f"Start: claimed -> agent {statistics.median(ours.to_agent_s):8.3f}  s at the median of all {n}")
    return 0


def _bare(folder: Path, chosen: argparse.Namespace) -> tuple[float, float]:
    """CPU and wall seconds of the script for all entries."""
    a_repository(folder / "repo", chosen.files)
    began, used = time.monotonic(), _children_s()
    numbers = "\n".join(map(str, range(chosen.entries)))
    command = ["xargs", "-P", str(chosen.slots), "-I{}", "sh", str(BARE), str(folder), "{}"]
    subprocess.run(command, input=numbers.encode(), check=True, stdout=subprocess.DEVNULL)
    return _children_s() - used, time.monotonic() - began


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _muster(folder: Path, chosen: argparse.Namespace, entries: int, extra: dict[str, str], *, count: bool = False) -> Measured:
    notes, calls = folder / "notes", folder / "gits"
    notes.mkdir(parents=True)
    more = dict(extra)
    if count:
        more["PATH"] = f"{_counting(folder, calls)}:{os.environ['PATH']}"
    running = Running(folder / "muster" / "data", **more, MUSTER_REPO_ROOTS=str(folder), MUSTER_SESSION_SLOTS=str(chosen.slots))
    try:
        until(running.is_ready, 90)
        agent = {"command": ["sh", "-c", AGENT.format(notes=shlex.quote(str(notes)))]}
        shop = Place(Client(running), folder, chosen, agent)
        ids = shop.line_up(entries)
        used, began, gits = _tree_s(running), time.monotonic(), _lines(calls)
        shop.call("POST", "/executor/resume")
        until(lambda: shop.done() == entries, 60 + 10 * entries, every=0.25)
        wall, cpu = time.monotonic() - began, _tree_s(running) - used
        gits = _lines(calls) - gits
        claimed = json.loads(running.muster("shell", "-v0", "-c", CLAIMED).splitlines()[-1])
    finally:
        running.process.terminate()
        running.process.wait(30)
    waits = [float((notes / f"{id_}.began").read_text()) - claimed[id_] for id_ in ids]
    return Measured(cpu, wall, gits, waits)


def _counting(folder: Path, calls: Path) -> Path:
    """A folder with a `git` that writes a line and then is git."""
    place = folder / "bin"
    place.mkdir()
    (place / "git").write_text(f'#!/bin/sh\necho "$*" >> {shlex.quote(str(calls))}\nexec {shutil.which("git")} "$@"\n')
    (place / "git").chmod(0o755)
    calls.touch()
    return place


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def _tree_s(running: Running) -> float:
    """CPU seconds of `up`, its children and what they have waited for."""
    total = 0.0
    for process in [psutil.Process(running.process.pid), *psutil.Process(running.process.pid).children(recursive=True)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
