"""Real CLIs spend their caps in a real Muster while its gateway, its session workers and the CLIs themselves are killed at any moment: no bill is more
than what is booked, and no cap is passed."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.agents import clis
from tests.agents.harness import MICRO, Bench, command_turn
from tests.agents.llm import ScriptedLLM
from tests.agents.test_gateway import AGENTS
from tests.faults.harness import Client, Running, until
from tests.faults.test_kills import QUICK
from tests.plugins.database import put_migrated

CLIS = ("claude", "codex", "opencode", "gemini", "qwen", "mini")
KINDS, ENTRIES, KILLS, SEED = os.environ.get(
    "MUSTER_TEST_CLI_KILLS", "claude_code,codex 2 6 1"
).split()  # more: python -m bench gateway clis
CAP_USD = 0.6
USAGE = {"input": 4_000, "output": 400}
LOOP = {
    "turns": [command_turn("date >> one; sleep 0.2", usage=USAGE, latency_ms=150, chunk_delay_ms=20)],
    "loop": True,
}
ENDED = ("blocked", "done", "failed")
PROGRAMS = ("claude", "codex", "opencode", "gemini", "qwen", "mini")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Running]:
    put_migrated(tmp_path / "data")
    running = Running(
        tmp_path / "data",
        **QUICK,
        MUSTER_SESSION_SLOTS="4",
        MUSTER_REPO_ROOTS=str(tmp_path),
        PATH=clis.path(),
        MUSTER_SANDBOX="auto",
    )
    until(running.is_ready, 60)
    yield running
    running.process.terminate()
    running.process.wait(20)


def victims(up: Running) -> dict[str, list[psutil.Process]]:
    """The processes that may be killed, by what they are."""
    known = up.children()
    groups: dict[str, list[psutil.Process]] = {
        name: [psutil.Process(known[name])]
        for name in ("gateway", "sessions")
        if name in known and psutil.pid_exists(known[name])
    }
    for process in psutil.process_iter():
        try:
            if process.environ().get("MUSTER_DATA_DIR") == str(up.data):
                continue
            line = process.cmdline()
            if str(up.data) in process.environ().get("HOME", "") and any(Path(part).name in PROGRAMS for part in line[:2]):
                groups.setdefault("cli", []).append(process)
        except psutil.Error:
            continue
    return groups


@pytest.mark.timeout(1500)
def test_no_bill_passes_the_books_and_no_books_pass_the_cap(up: Running, llm: Callable[..., ScriptedLLM], tmp_path: Path) -> None:
    kinds, dice, killed = KINDS.split(","), random.Random(int(SEED)), Counter[str]()
    provider, client = llm(**dict.fromkeys(kinds, LOOP)), Client(up)
    works: dict[str, Bench] = {}
    for kind in kinds:
        (tmp_path / kind).mkdir()
        config = {"agent": AGENTS[kind](provider, kind), "round_ceiling_usd": 0.3, "max_workers": 2}
        works[kind] = Bench(up, client, tmp_path / kind, gateway="auto", usd=CAP_USD, **config)
    entries = {
        kind: [work.add(f"spend {n}", budget_usd=CAP_USD / int(ENTRIES)) for n in range(int(ENTRIES))]
        for kind, work in works.items()
    }

    def are_over() -> bool:
        return all(is_over(work.entry(id_)) for kind, work in works.items() for id_ in entries[kind])

    until(lambda: provider.log(), 60)
    while sum(killed.values()) < int(KILLS) and not are_over():
        time.sleep(dice.uniform(0.3, 2.5))
        groups = victims(up)
        if groups:
            name = dice.choice(sorted(groups))
            dice.choice(groups[name]).kill()
            killed[name] += 1
    until(are_over, 240, every=1)
    until(lambda: all(are_known(work) for work in works.values()), 60)
    for kind, work in works.items():
        check(work, kind, provider)
    print(f"\n{dict(killed)} killed; {len(provider.log())} requests reached the provider")


def is_over(entry: dict[str, Any]) -> bool:
    """It ended, or waits for money that is reserved for answers which a kill has made unknown."""
    return entry["status"] in ENDED or any("answer is not known" in reason["message"] for reason in entry["reasons"])


def are_known(work: Bench) -> bool:
    """All that is reserved is for answers that are not known."""
    holds = work.call("GET", "/budget/holds")
    return all(hold.get("unknown_since") for hold in holds["holds"]) and holds["held_usd"] == holds["unknown_usd"]


def check(work: Bench, kind: str, provider: ScriptedLLM) -> None:
    budget: dict[str, Any] = work.call("GET", "/budget")
    spent, bill = round(budget["global"]["total_spent_usd"] * MICRO), provider.cost(kind)
    held = round(work.call("GET", "/budget/holds")["held_usd"] * MICRO)
    assert bill <= spent + held <= CAP_USD * MICRO, f"{kind}: bill {bill}, booked {spent}, {held} unknown"
    rows = [
        row
        for entry in work.call("GET", "/todo")["entries"]
        for session in entry["session_ids"]
        for row in work.call("GET", f"/executor/sessions/{session}/requests?limit=500")["requests"]
    ]
    assert {row["state"] for row in rows} <= {"settled", "unknown", "refused"}, "nothing is under way"
    sent = [row for row in rows if row["state"] != "refused"]
    assert len(sent) >= len([each for each in provider.log(kind) if each["outcome"] == "completed"])
    booked = sum(round(row["amount_usd"] * MICRO) for row in rows if row["amount_usd"])
    print(f"\n{kind}: {len(sent)} requests, bill {bill} <= booked {spent} (of requests {booked}) <= cap {CAP_USD * MICRO:.0f}")
