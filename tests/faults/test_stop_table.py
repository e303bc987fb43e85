"""A stop leaves nothing alive within seconds, by each way, whatever the agent does: printed as a table, with what the API answered.

A stopped worker, Valkey that is down: test_stopping.py. A full disk: test_full_disk.py.
"""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import ROOT, Client, until
from tests.faults.shop import Shop
from tests.faults.test_stopping import _inside

pytestmark = pytest.mark.alone  # its bounds are seconds

AGENTS = {  # `environment` leaves a file when the agent is ready
    "sleeps": "environment sleep",
    "ignores TERM": "ignore_term environment sleep",
    "freezes its shim": "ignore_term freeze environment sleep",
    "a session of its own": "ignore_term setsid environment sleep",
    "a double fork without a trace": "ignore_term hidden environment sleep",
    "takes its orphans over": "ignore_term environment adopter",
    "a fork bomb": "ignore_term environment bomb",
    "a storm of short processes": "ignore_term environment bare_storm",
}
ALONE = ("a fork bomb", "a storm of short processes")  # five of them at once would measure this machine
LIMIT_S = 3
AT_MOST_S = 8.0  # grace 1 s, 3 s more until the worker ends the tree of a frozen shim itself, and a machine with other work
STOPS: dict[str, dict[str, Any]] = {
    "stop": {},
    "stop-all": {},
    "kill": {},
    "time limit": {"timeout_s": LIMIT_S},
    "idle limit": {"idle_timeout_s": LIMIT_S},
}


@pytest.fixture(scope="module")
def table() -> Iterator[dict[str, list[str]]]:
    rows: dict[str, list[str]] = {}
    yield rows
    print("\n\nSeconds until nothing lived\n" + f"{'':32}" + "".join(f"{stop:>26}" for stop in STOPS))
    for agent, cells in rows.items():
        print(f"{agent:32}" + "".join(f"{cell:>26}" for cell in cells))


@pytest.mark.parametrize("agent", AGENTS)
def test_nothing_lives_after_a_stop(
    shop: Callable[..., Shop], muster: tuple[Client, Path], table: dict[str, list[str]], agent: str
) -> None:
    command = [sys.executable, "-S", str(ROOT / "tests/orchestration/processes/fake_agent.py"), *AGENTS[agent].split()]
    with ThreadPoolExecutor(1 if agent in ALONE else len(STOPS)) as together:
        table[agent] = list(together.map(lambda stop: _row(shop(agent={"command": command, **STOPS[stop]}), stop), STOPS))


def _row(work: Shop, stop: str) -> str:
    limits = STOPS[stop]
    entry = work.add("anything")
    folder = work.folder_of(entry)
    until((folder / "made-by-agent").exists, 30)
    began = time.monotonic()
    work.call("POST", "/executor/pause")  # nothing starts again
    answer = _stopped(work, entry, stop)
    until(lambda: not _inside(folder), AT_MOST_S + LIMIT_S)
    took = time.monotonic() - began - (LIMIT_S if limits else 0)
    assert took < AT_MOST_S
    until(lambda: work.call("GET", "/executor/workers") == {"workers": []}, 20)
    if limits:
        assert work.session(entry)["status"] == "timed_out"
    return f"{took:.2f} {answer}"


def _stopped(work: Shop, entry: str, stop: str) -> str:
    """Stop the session, unless a limit does. Returns the API's answer in short."""
    if stop in ("time limit", "idle limit"):
        return ""
    if stop == "stop-all":
        answer = work.call("POST", "/executor/stop-all")
        assert answer["stopped"] is True or (answer["alive"] and answer["stopped"] is False)
        return "stopped" if answer["stopped"] else "alive, named"
    [session] = work.call("GET", "/executor/workers")["workers"]
    answer = work.call("POST", f"/executor/workers/{session['sessionID']}/{stop}")
    assert answer == {"stop": {"stopped": True}, "kill": {"killed": True}}[stop]
    return next(iter(answer))
