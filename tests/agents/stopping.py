"""A stop by the API while a real CLI is working: from the call until no process is left."""

import itertools
import shlex
import time
from collections.abc import Callable
from typing import Any

import psutil

from orchestration.processes import leftovers
from tests.agents.harness import Bench, command_turn, text_turn, write_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import until

STATES = ("waiting", "tool", "setsid", "daemon")
_numbers = itertools.count(7_654_321)
Make = Callable[..., Bench]
Server = Callable[..., ScriptedLLM]
Agent = Callable[..., dict[str, Any]]


def check(state: str, llm: Server, bench: Make, agent: Agent, usage: dict[str, int]) -> None:
    """No process survives, no model request follows, the work is kept, and a later session continues it."""
    number = str(next(_numbers))
    busy = text_turn(hang="before") if state == "waiting" else command_turn(_command(state, number), usage=usage)
    again = [write_turn("ok", usage=usage), text_turn(usage=usage)]
    provider = llm(stop={"rounds": [[write_turn("kept", usage=usage), busy, text_turn(usage=usage)], again, again]})
    work = bench(agent(provider, "stop"), verify=[{"name": "ok", "run": "test -f ok"}])
    id_ = work.add("write ok")
    session = work.wait_for_session(id_)
    until(lambda: len(provider.log()) >= 2 and (state == "waiting" or sleepers(number)), 40)
    request_count = len(provider.log())
    began = time.monotonic()
    work.call("POST", f"/executor/workers/{session}/stop")
    until(lambda: not leftovers.marked_pids(session) and not sleepers(number), 10, every=0.005)
    seconds = time.monotonic() - began
    until(lambda: work.entry(id_)["status"] == "blocked", 10, every=0.05)
    assert work.session(id_)["status"] == "stopped"
    assert len(provider.log()) == request_count, "a model request followed the stop"
    print(f"\nstopped {work.session(id_)['agent']} while {state}: {seconds:.2f} s")
    work.call("PATCH", f"/todo/entries/{id_}/status", {"status": "pending"})
    work.becomes(id_, "done", 60)
    assert work.merged("kept") == "yes"


def _command(state: str, number: str) -> str:
    sleep = f"sleep {number}"
    daemon = f"import os,sys\nif os.fork(): sys.exit()\nos.setsid()\nif os.fork(): sys.exit()\nos.execve('/bin/sleep',['sleep','{number}'],{{}})"
    before = {
        "tool": "cat kept; ",  # some CLIs refuse a command that only sleeps
        "setsid": f"setsid {sleep} >/dev/null 2>&1 & ",
        "daemon": f"python3 -c {shlex.quote(daemon)} >/dev/null 2>&1; ",
    }
    return before[state] + sleep


def sleepers(number: str) -> list[int]:
    """The processes that sleep for so many seconds, on the whole machine."""
    return [p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", number]]
