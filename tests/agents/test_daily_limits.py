"""Codex at work in each category of spend, several at once, with $0.50 a day for it: they pass it by one request at most."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.agents.harness import MICRO, Bench, command_turn
from tests.agents.llm import ScriptedLLM
from tests.agents.test_codex import codex
from tests.faults.harness import Client, Running, until

CLI = "codex"
LIMIT = 500_000  # micro-USD
COSTLY = {"input": 40_000, "output": 5000}  # $0.10: the third passes the $0.25 of one agent
LATENCY_MS = 2000  # longer than a stop takes
MOST = {"run_usd": 0.25}
WRITES = {"command": 'echo yes > "$MUSTER_ENTRY_ID"'}
SHOWN = {"entry": "entries_spent_usd"} | {name: f"{name}_spent_usd" for name in ("interceptor", "orchestrator", "expansion")}
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Category:
    """`config`: of a workspace whose agent in this category is the given one. `begin`: starts the n-th of its agents."""

    config: Callable[[dict[str, Any]], dict[str, Any]]
    begin: Callable[[Bench, int], object]


def an_entry(work: Bench, n: int) -> str:
    return work.add(f"Entry {n}", spec={"files_to_create": [f"file{n}"]})


def expand(work: Bench, n: int) -> object:
    return work.call("POST", f"/todo/entries/{an_entry(work, n)}/expand-runs")


CATEGORIES = {
    "entry": Category(lambda agent: {"agent": agent, "round_ceiling_usd": 0.25}, an_entry),
    "interceptor": Category(
        lambda agent: {"agent": WRITES, "interceptor": {"agent": agent, "round_usd": 0.25, "required": False}}, an_entry
    ),
    "orchestrator": Category(
        lambda agent: {"planner": {"agent": agent, **MOST}},
        lambda work, n: work.call("POST", "/plan-runs", {"goal": f"Goal {n}"}),
    ),
    "expansion": Category(lambda agent: {"expander": {"agent": agent, **MOST}}, expand),
}


@pytest.fixture(scope="module")
def places(muster: tuple[Running, Client, Path], provider: ScriptedLLM) -> dict[str, Bench]:
    """A workspace for each category, in which two agents have spent its day's money at the same time."""
    running, client, folder = muster
    loop = {"turns": [command_turn("date", usage=COSTLY)], "loop": True, "latency_ms": LATENCY_MS}
    provider.begin(dict.fromkeys(CATEGORIES, loop))
    places = {}
    for name, category in CATEGORIES.items():
        place = folder / f"limit-{name}"
        place.mkdir()
        places[name] = Bench(running, client, place, verify=[], **category.config(codex(provider, name)))
        if name in ("orchestrator", "expansion"):
            places[name].call("POST", "/executor/pause")
        limit = {"category": name, "period": "day", "limit_usd": LIMIT / MICRO}
        places[name].call("PUT", "/budget/limits", {"limits": [limit]})
        for n in range(2):
            category.begin(places[name], n)
    until(lambda: all(is_over(provider, name, work) for name, work in places.items()), 200, every=0.3)
    return places


def is_over(provider: ScriptedLLM, name: str, work: Bench) -> bool:
    return provider.cost(name) >= LIMIT and not work.call("GET", "/budget/holds")["holds"]


@pytest.mark.parametrize("name", CATEGORIES)
def test_concurrent_agents_pass_the_days_limit_by_one_request_at_most(
    provider: ScriptedLLM, places: dict[str, Bench], name: str
) -> None:
    booked = round(places[name].call("GET", "/budget")["global"][SHOWN[name]] * MICRO)
    assert booked == provider.cost(name) <= LIMIT + 100_000
    assert len({row["session_id"] for row in places[name].call("GET", "/budget/ledger")["entries"]}) == 2
