"""From the stop to no living process, with the real CLIs: each one, in four states, by several kill sequences.

`python -m bench stopping --clis DIR[:DIR...] --stub PATH/stub_llm.py [--only claude,codex] [--ladders term,int] [--states tool,daemon]`

A cell is the seconds and how the CLI ended; its conversation could be resumed unless the cell says otherwise. The CLIs talk to a scripted LLM server on loopback, in a network namespace of their own where that may be made. Every number is one run.
"""

import argparse
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.stopping.clis import KNOWN, Cli, Run, base_env, find, prepare
from orchestration.processes import agent_process
from orchestration.processes.kill_sequence import Step

LADDERS = {
    "term": (Step("TERM", "all", 0),),
    "int": (Step("INT", "leader", 0), Step("TERM", "all", 0.3)),
    "int-later": (Step("INT", "leader", 0), Step("TERM", "all", 0.4)),
    "term-leader": (Step("TERM", "leader", 0), Step("TERM", "all", 0.3)),
    "int-all": (Step("INT", "all", 0), Step("TERM", "all", 0.3)),
    "int-slow": (Step("INT", "leader", 0), Step("TERM", "all", 2)),
    "term-kill": (Step("TERM", "all", 0), Step("KILL", "all", 0.3)),
    "kill": (Step("KILL", "all", 0),),
}
GRACE_S = 5.0
REACHED_S = 60.0  # to the state in which it is stopped
RESUMED_S = 60.0
SETTLE_S = 0.5
LATE_S = 1.0  # so long after the end the server is asked for late requests
CLONE_NEWNET = 0x40000000

HOLD = 'touch "$HOME/never"; '
COMMANDS = {
    "tool": HOLD + 'tail -f "$HOME/never"',
    "setsid": HOLD + 'setsid tail -f "$HOME/never" & tail -f "$HOME/never"',
    "daemon": HOLD + """(env -i setsid sh -c 'tail -f "$0" &' "$HOME/never" &); tail -f "$HOME/never\"""",
}
COSTS = {"total_cost_usd", "usage", "stats", "cost"}  # in an event after the stop: what was spent is known in spite of it
STATES = {"waiting": 0, "tool": 1, "setsid": 2, "daemon": 2}  # with so many processes of the tool's
WRITE = {"tool": {"kind": "write", "path": "hello.txt", "content": "hello\n"}}


@dataclass(frozen=True)
class Measured:
    seconds: float
    how: str
    reports_cost: bool
    late_requests: int
    survivors: int
    resumed: str


class Stub:
    """The scripted server, as a process of ours."""

    def __init__(self, script: Path, folder: Path) -> None:
        agent_runs: dict[str, Any] = {"waiting": {"turns": [WRITE, {"text": "never", "hang": "before"}]}}
        for name, command in COMMANDS.items():
            agent_runs[name] = {"turns": [{"tool": {"kind": "bash", "command": command}}, {"text": "late"}]}
        agent_runs["resumed"] = {"turn_by": "since_prompt", "turns": [{"text": "I remember."}]}
        (folder / "script.json").write_text(json.dumps({"default": "resumed", "scenarios": agent_runs}))
        self.dump = folder / "dump.jsonl"
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(folder / "script.json"), "--port", "0", "--dump", str(self.dump)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.address = f"http://127.0.0.1:{self.process.stdout.readline().strip().rpartition(':')[2]}"

    def log(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.address}/__stub/log", timeout=10) as answer:
            result: list[dict[str, Any]] = json.load(answer)
        return result

    def bodies(self) -> list[str]:
        return self.dump.read_text().splitlines() if self.dump.exists() else []

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def main(arguments: list[str]) -> int:
    asked = _asked(arguments)
    if not asked.stub.exists():
        print(f"{asked.stub}: no such file")
        return 2
    own_network = _own_network()
    print(
        f"network: {'a namespace of its own' if own_network else 'the machine’s (no right to make another)'}; grace {GRACE_S} s"
    )
    with tempfile.TemporaryDirectory(prefix="stopping-") as name:
        folder = Path(name)
        (folder / "stub").mkdir()
        stub = Stub(asked.stub, folder / "stub")
        try:
            print("| CLI | ladder | " + " | ".join(asked.states) + " |\n|---|---|" + "---|" * len(asked.states), flush=True)
            for cli in asked.only:
                program = find(cli, asked.clis)
                for kill_sequence in asked.ladders if program else ():
                    row = [_cell(stub, cli, program, folder, state, kill_sequence) for state in asked.states]
                    print(f"| {cli} | {kill_sequence} | " + " | ".join(row) + " |", flush=True)
                if not program:
                    print(f"| {cli} | not installed |" + " |" * len(asked.states), flush=True)
        finally:
            stub.end()
    return 0


def _asked(arguments: list[str]) -> argparse.Namespace:
    def several(known: Any) -> Any:
        def split(text: str) -> list[str]:
            if unknown := [word for word in text.split(",") if word not in known]:
                raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}; known are {', '.join(known)}")
            return text.split(",")

        return split

    parser = argparse.ArgumentParser(
        "python -m bench stopping", description="From the stop to nothing alive, with the real CLIs."
    )
    parser.add_argument("--clis", required=True, type=lambda text: [Path(part).absolute() for part in text.split(":")])
    parser.add_argument("--stub", required=True, type=lambda text: Path(text).absolute())
    parser.add_argument("--only", type=several(KNOWN), default=list(KNOWN))
    parser.add_argument("--ladders", type=several(LADDERS), default=["term", "int", "term-leader"])
    parser.add_argument("--states", type=several(STATES), default=list(STATES))
    return parser.parse_args(arguments)


def _cell(stub: Stub, name: str, program: str, folder: Path, state: str, kill_sequence: str) -> str:
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=folder, ignore_cleanup_errors=True) as place:
        try:
            item = _measure(stub, KNOWN[name], program, Path(place), state, LADDERS[kill_sequence])
        except TimeoutError as error:
            return f"({error})"
    marks = [item.how, *["reports its cost"] * item.reports_cost, *[f"resumed {item.resumed}"] * (item.resumed != "yes")]
    marks += [f"**{item.late_requests} late**"] * bool(item.late_requests) + [f"**{item.survivors} SURVIVE**"] * bool(
        item.survivors
    )
    return f"{item.seconds:.2f} ({', '.join(marks)})"


def _measure(stub: Stub, cli: Cli, program: str, folder: Path, state: str, kill_sequence: tuple[Step, ...]) -> Measured:
    run = prepare(cli, program, folder, stub.address)
    word = f"remember-{run.name}"
    with agent_process.start(_spec(cli, run, cli.start(run, f"{word} do it [[scenario:{state}]]"), kill_sequence)) as process:
        received = _until_reached(process, stub, run, state, since=time.time())
        stopped_at, began = time.time(), time.monotonic()
        process.stop()
        last_words = [result for line in process.lines() if line for result in _object(line.text)]
        ended = process.ended
        seconds = time.monotonic() - began
    survivors = _alive(folder)
    time.sleep(LATE_S)
    late = [request for request in stub.log() if request["ts"] > stopped_at]
    how = f"signal {ended.signal}" if ended.signal else f"exit {ended.exit_code}"
    reports_cost = any(COSTS & event.keys() for event in last_words)
    resumed = _resume(stub, cli, run, word, received)
    return Measured(seconds, how, reports_cost, len(late), max(len(survivors), ended.survivors), resumed)


def _spec(cli: Cli, run: Run, argv: list[str], kill_sequence: tuple[Step, ...]) -> agent_process.Spec:
    return agent_process.Spec(
        argv=argv,
        cwd=str(run.work),
        env=base_env(run) | cli.env(run),
        marker=f"stopping-{run.name}",
        status_path=str(run.home.parent / "status"),
        journal_path=str(run.home.parent / "journal"),
        wall_s=REACHED_S + RESUMED_S,
        grace_s=GRACE_S,
        kill_sequence=kill_sequence,
    )


def _until_reached(process: agent_process.Process, stub: Stub, run: Run, state: str, *, since: float) -> list[dict[str, Any]]:
    """Read until the CLI waits for the model's second answer, or its tool's processes are there; then a moment more."""
    received: list[dict[str, Any]] = []
    last: list[str] = []
    reached = 0.0
    for line in process.lines(poll_s=0.1):
        if line is not None:
            last.append(line.text)
            received += _object(line.text)
        elif reached:
            if time.time() > reached + SETTLE_S:
                return received
        elif _is_reached(stub, run, state, since):
            reached = time.time()
        elif time.time() > since + REACHED_S:
            break
    raise TimeoutError(f"did not reach the state: {' '.join(last[-2:])[:300]}")


def _is_reached(stub: Stub, run: Run, state: str, since: float) -> bool:
    if state == "waiting":
        return any(r["ts"] > since and r["turn"] == 1 and r["outcome"] == "started" for r in stub.log())
    tails = [line for line in _alive(run.home) if line.startswith("tail")]
    return len(tails) >= STATES[state]


def _object(text: str) -> list[dict[str, Any]]:
    try:
        result = json.loads(text)
    except ValueError:
        return []
    return [result] if isinstance(result, dict) else []


def _resume(stub: Stub, cli: Cli, run: Run, word: str, received: list[dict[str, Any]]) -> str:
    """Whether the next run's request contains the conversation before the stop."""
    if cli.resume is None:
        return "never"
    before = len(stub.bodies())
    spec = _spec(cli, run, cli.resume(run, "go on [[scenario:resumed]]", received), ())
    with agent_process.start(spec) as process:
        until = time.time() + RESUMED_S
        for _ in process.lines(poll_s=0.1):
            if time.time() > until:
                process.stop()
        ended = process.ended
    remembers = any(word in body and "go on" in body for body in stub.bodies()[before:])
    return "yes" if remembers and ended.exit_code == 0 else f"no (exit {ended.exit_code})"


def _alive(folder: Path) -> list[str]:
    """Command lines of all processes that belong to a run: by their arguments, or their environment."""
    requested, result = os.fsencode(folder), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes()
            if line and (requested in line or requested in (entry / "environ").read_bytes()):
                result.append(line.replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return result


def _own_network() -> bool:
    """Loopback and nothing else, for us and all that we start: a CLI that calls home reaches no host."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS: up
    return True
