"""The same backlog on two hosts of two slots, and on one host of four, alternating: Claude Code with a scripted provider.

`python -m bench hosts [--times 3] [--tasks 10] [--requests 4] [--latency 1.5]`. Needs root, and the CLI as the tests of agents install it.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.agents import clis
from tests.agents.harness import command_turn, text_turn, write_turn
from tests.faults.harness import ROOT, Client, until
from tests.faults.shop import Shop
from tests.hosts.conftest import SETTINGS
from tests.hosts.hosts import Server, SessionHost
from tests.hosts.machines import Machine, Network

PROVIDER_PORT = 8399
ONE, TWO = {"one": 4}, {"one": 2, "two": 2}


def main(arguments: list[str]) -> int:
    chosen = _chosen(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django  # only now: it reads the settings

    django.setup()
    clis.folder("claude")
    taken: dict[str, list[float]] = {"one host of 4": [], "two hosts of 2": []}
    for _ in range(chosen.times):
        for (name, seconds), slots in zip(taken.items(), (ONE, TWO), strict=True):
            seconds.append(_run(chosen, slots))
            print(f"      {name}: {seconds[-1]:.1f} s", flush=True)
    one, two = (statistics.median(seconds) for seconds in taken.values())
    least = chosen.requests * chosen.latency * -(-chosen.tasks // 4)
    print(
        f"{chosen.tasks} tasks of {chosen.requests} requests of {chosen.latency} s, on 4 slots: the provider alone takes {least:.1f} s"
    )
    print(f"one host of 4: {one:.1f} s; two hosts of 2: {two:.1f} s; ratio {two / one:.2f}x (goal 1.15x)")
    return 0


def _chosen(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench hosts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--requests", type=int, default=4)
    parser.add_argument("--latency", type=float, default=1.5, help="seconds of each request")
    return parser.parse_args(arguments)


def _run(chosen: argparse.Namespace, slots: dict[str, int]) -> float:
    """Seconds from the first entry until all have landed."""
    with tempfile.TemporaryDirectory(prefix="hosts-") as name, _machines(chosen, Path(name), slots) as (server, repositories):
        folder = repositories / "work"
        folder.mkdir()
        env = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{PROVIDER_PORT}", "ANTHROPIC_API_KEY": "stub-key"}
        agent = {"kind": "claude_code", "model": "claude-sonnet-4-5", "env": env}
        shop = Shop(Client(server), folder, agent=agent, max_workers=4, verify=[{"name": "ok", "run": "true"}])
        entries = [
            {"content": f"Task {n} [[scenario:task-{n}]]", "budget_usd": 4, "spec": {"files_to_create": [f"task-{n}"]}}
            for n in range(chosen.tasks)
        ]
        began = time.monotonic()
        shop.call("POST", "/todo/entries", {"entries": entries})
        until(lambda: {entry["status"] for entry in shop.call("GET", "/todo")["entries"]} == {"done"}, 300, every=0.1)
        return time.monotonic() - began


@contextmanager
def _machines(chosen: argparse.Namespace, top: Path, slots: dict[str, int]) -> Iterator[tuple[Server, Path]]:
    folders = {name: top / name for name in ("server", *slots)}
    for folder in folders.values():
        folder.mkdir()
    (folders["server"] / "repos").mkdir()
    hidden = {name: [path for other, path in folders.items() if other != name] for name in folders}
    centre = Machine("server", folders["server"], 1, hidden=hidden["server"])
    machines = [centre]
    try:
        network = Network(centre)
        settings = {
            **SETTINGS,
            "MUSTER_LEASE_S": "30",
            "MUSTER_REPO_ROOTS": str(folders["server"] / "repos"),
            "PATH": clis.path(),
        }
        server = Server(centre, **settings)
        for number, (name, count) in enumerate(slots.items(), start=2):
            machine = Machine(name, folders[name], number, hidden=hidden[name])
            machines.append(machine)
            network.join(machine)
            _provider(chosen, machine, folders[name])
            SessionHost(machine, server, network, MUSTER_SESSION_SLOTS=str(count)).start()
        yield server, folders["server"] / "repos"
    finally:
        for machine in reversed(machines):
            machine.end()


def _provider(chosen: argparse.Namespace, machine: Machine, folder: Path) -> None:
    """On the loopback of each machine, since it listens nowhere else."""
    between = [command_turn("ls")] * (chosen.requests - 2)
    scenarios = {
        f"task-{n}": {"turns": [write_turn(f"task-{n}"), *between, text_turn()], "latency_ms": chosen.latency * 1000}
        for n in range(chosen.tasks)
    }
    (folder / "llm.json").write_text(json.dumps({"default": "task-0", "scenarios": scenarios}))
    command = [sys.executable, str(ROOT / "tests/agents/stub_llm.py"), str(folder / "llm.json"), "--port", str(PROVIDER_PORT)]
    machine.start(*command, "--max-seconds", "600", env={"PATH": "/usr/bin:/bin"}, log=folder / "llm.out")
