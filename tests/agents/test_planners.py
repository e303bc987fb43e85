"""Real CLIs as planners: they read, answer, repair their answer in the same conversation; every cent of it is what the provider counted."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.agents.harness import MICRO, Bench, command_turn, text_turn
from tests.agents.llm import ScriptedLLM
from tests.agents.test_claude_code import claude
from tests.agents.test_codex import codex
from tests.agents.test_gemini import gemini
from tests.agents.test_opencode import opencode
from tests.faults.harness import until

CLIS = ("claude", "codex", "opencode", "gemini")
USAGE = {"input": 2000, "output": 100, "cache_read": 4000}
PLAN = json.dumps({"entries": [{"content": "Write ok", "spec": {"files_to_create": ["ok"]}}]})
OK = [{"name": "ok", "run": "test -f ok"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]
AGENTS: dict[str, Callable[[ScriptedLLM, str], dict[str, Any]]] = {
    "claude": claude,
    "codex": codex,
    "opencode": lambda provider, scenario: opencode(provider.url(scenario)),
    "gemini": lambda provider, scenario: gemini(provider.url(scenario)),
}
each_cli = pytest.mark.parametrize("cli", CLIS)


def planning(bench: Make, cli: str, provider: ScriptedLLM) -> Bench:
    agent = AGENTS[cli](provider, "plan")
    return bench(agent, verify=OK, planner={"agent": agent, "run_usd": 0.5})


def ask(work: Bench) -> str:
    return str(work.call("POST", "/plan-runs", {"goal": "There must be a file ok"})["id"])


def ends(work: Bench, run: str, status: str) -> dict[str, Any]:
    until(lambda: work.call("GET", f"/runs/{run}")["ended_at"], 60, every=0.1)
    ended: dict[str, Any] = work.call("GET", f"/runs/{run}")
    assert ended["status"] == status, (ended, work.client.text("GET", f"{work.path}/runs/{run}/log"))
    assert work.call("GET", "/budget/holds")["holds"] == []
    return ended


def check_cost(work: Bench, provider: ScriptedLLM) -> int:
    """All orchestrator spend is what the provider counted, to the micro-dollar."""
    spent = round(work.call("GET", "/budget")["global"]["orchestrator_spent_usd"] * MICRO)
    rows = [row for row in work.call("GET", "/budget/ledger?limit=500")["entries"] if row["category"] == "orchestrator"]
    assert spent == provider.cost() == sum(round(row["amount_usd"] * MICRO) for row in rows)
    return spent


@each_cli
def test_prose_is_repaired_in_the_same_conversation_and_costs_what_the_provider_counted(
    llm: Server, bench: Make, cli: str
) -> None:
    first = [command_turn("ls", usage=USAGE), text_turn("I would write a file.", usage=USAGE)]
    provider = llm(plan={"rounds": [first, [text_turn(PLAN, usage=USAGE)]]})
    work = planning(bench, cli, provider)
    run = ask(work)
    ends(work, run, "passed")
    assert check_cost(work, provider) > 0
    [proposal] = work.call("GET", f"/runs/{run}/proposals")["proposals"]
    assert proposal["entry"]["content"] == "Write ok"
    assert {1} <= {request["round"] for request in provider.log()}, "the second turn knew the first"


@each_cli
@pytest.mark.parametrize("step", [1, 2])
def test_a_killed_worker_loses_no_cent_of_a_run_and_books_none_twice(llm: Server, bench: Make, cli: str, step: int) -> None:
    turns = [command_turn("ls", usage=USAGE), text_turn(PLAN, usage=USAGE)]
    hanging = [*turns[: step - 1], {**turns[step - 1], "hang": "before"}]
    provider = llm(plan={"turns": hanging})
    work = planning(bench, cli, provider)
    run = ask(work)
    until(lambda: len(provider.log()) == step, 30, every=0.05)  # the last one hangs
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    ends(work, run, "lost")
    check_cost(work, provider)
    provider.change(plan={"turns": turns})
    ends(work, ask(work), "passed")
    check_cost(work, provider)


@each_cli
def test_a_stopped_run_leaves_nothing_alive(llm: Server, bench: Make, cli: str) -> None:
    provider = llm(plan={"turns": [command_turn("ls", usage=USAGE), text_turn(hang="before")]})
    work = planning(bench, cli, provider)
    run = ask(work)
    until(lambda: len(provider.log()) == 2, 30, every=0.05)
    work.call("POST", f"/runs/{run}/stop")
    ends(work, run, "stopped")
    check_cost(work, provider)
