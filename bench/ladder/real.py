"""The same backlog through a whole Muster: its agents are a command that does with an entry what the simulation knows it would do."""

import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import django

from bench.ladder.run import ENTRIES, LADDER, MICRO, ROUNDS, ROUTES, Outcome, Route, Truth

AGENT = Path(__file__).with_name("scripted_agent.py")
LIMITS = {"max_workers": 4, "round_ceiling_usd": 5, "min_round_usd": 0.01}
CHECK = 'value=$(cat "$MUSTER_ENTRY_ID.txt"); [ "$value" = solved ] || { echo "{\\"type\\": \\"score\\", \\"score\\": $value}"; exit 1; }'


def play(truths: list[Truth], routes: tuple[str, ...]) -> dict[str, Outcome]:
    """One workspace for each route, at once in one Muster."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.faults.harness import until  # only now: it reads the settings
    from tests.faults.refusals import muster
    from tests.faults.shop import Shop

    with tempfile.TemporaryDirectory(prefix="ladder-") as name, muster(Path(name)) as client:
        folder, shops = Path(name), dict[str, Shop]()
        (folder / "truths.json").write_text(json.dumps([asdict(truth) for truth in truths]))
        for n, route in enumerate(routes):
            place = folder / f"route-{n}"
            (place / "notes").mkdir(parents=True)
            shops[route] = Shop(client, place, usd=5000, **_config(folder, place, ROUTES[route]))
            entries = [{"content": f"entry {n}", "budget_usd": 40, "budget_rounds": ROUNDS} for n in range(ENTRIES)]
            shops[route].call("POST", "/todo/entries", {"entries": entries})
        until(lambda: all(_is_over(shop) for shop in shops.values()), 3600, every=1)
        return {route: _outcome(shop) for route, shop in shops.items()}


def _config(folder: Path, place: Path, route: Route) -> dict[str, Any]:
    command = [sys.executable, "-S", str(AGENT), str(folder / "truths.json"), str(place / "notes")]
    agents = {agent.name: {"command": [*command, agent.name]} for agent, _ in route}
    steps = [{"agent": agent.name, "rounds": rounds} for agent, rounds in route]
    # the script shows a tenth of each gain, so that no sum of them is a whole score
    checks = [{"name": "solved", "run": CHECK, "rerun": False}]
    sandbox = {"read": [str(folder / "truths.json")], "write": [str(place / "notes")]}
    return {"agents": agents, "route": steps, "verify": checks, "plateau": {"epsilon": 0.001}, "sandbox": sandbox, **LIMITS}


def _is_over(shop: Any) -> bool:
    return not {"pending", "in_progress"} & {entry["status"] for entry in shop.call("GET", "/todo")["entries"]}


def _outcome(shop: Any) -> Outcome:
    entries = shop.call("GET", "/todo")["entries"]
    spent = sum(round(entry["spent_usd"] * MICRO) for entry in entries)
    return Outcome(sum(entry["status"] == "done" for entry in entries), spent)


def report(truths: list[Truth], simulated: dict[str, Outcome]) -> int:
    """Print both, and return 1 where another number of entries landed."""
    outcomes = play(truths, (LADDER, "middle alone", "strong alone"))
    print("| route | landed | spent | a landed entry costs | simulated |\n|---|---|---|---|---|")
    for name, its in outcomes.items():
        same = "the same" if its == simulated[name] else f"{simulated[name].landed}, ${simulated[name].spent / MICRO:.2f}"
        print(f"| {name} | {its.landed} of {len(truths)} | ${its.spent / MICRO:.2f} | ${its.price:.3f} | {same} |")
    return int(any(its.landed != simulated[name].landed for name, its in outcomes.items()))
