"""The demo in a real Muster: its agents plan a goal, review each round, split what stops at a plateau, and propose what else to change."""

from collections.abc import Callable
from functools import partial
from typing import Any

from orchestration.demo import GOAL
from orchestration.demo.steering import LARGE, children, plan
from tests.faults.harness import Client, Running, until

CATEGORIES = ("entries", "orchestrator", "expansion", "interceptor")


def title(entry: dict[str, Any]) -> str:
    return str(entry["content"].splitlines()[0])


def test_the_demo_plans_a_goal_and_splits_what_stops_at_a_plateau(start: Callable[..., Running]) -> None:
    up = start()
    up.muster("demo")
    client = Client(up)
    workspace = client.call("GET", "/workspaces")["workspaces"][0]["id"]
    call = partial(_call, client, f"/workspaces/{workspace}/orchestration")
    call("PATCH", "/config", {"agent": {"env": {"DEMO_PACE": "0"}}})
    named = {title(entry) for entry in [*plan(), *children()]}

    def statuses() -> dict[str, str]:
        return {title(entry): entry["status"] for entry in call("GET", "/todo")["entries"] if title(entry) in named}

    until(lambda: statuses() == dict.fromkeys(named, "done"), 120, every=0.5)

    def steered() -> list[dict[str, Any]]:
        return [run for run in call("GET", "/runs")["runs"] if run["role"] == "orchestrate" and run["ended_at"]]

    until(steered, 30, every=0.5)
    [orchestrated] = steered()
    assert (orchestrated["trigger"], orchestrated["status"]) == ("no_improvement", "passed"), orchestrated["stop_reason"]
    [change] = call("GET", f"/runs/{orchestrated['id']}/proposals")["proposals"]
    assert (change["kind"], change["state"], change["decided_by"]) == ("change", "open", None)
    outcome = call("POST", f"/runs/{orchestrated['id']}/apply", {})
    assert (len(outcome["applied"]), outcome["outdated"]) == (1, []), "it waits for a person, so it still counts"
    split, planned = (run for run in call("GET", "/runs")["runs"] if run["role"] != "orchestrate")
    assert (planned["role"], planned["goal"], planned["requested_by"]) == ("plan", GOAL, "demo")
    assert (split["role"], split["trigger"], split["goal"].partition(" ")[2].partition(" ")[2]) == (
        "expand",
        "no_improvement",
        LARGE,
    )
    proposals = call("GET", f"/runs/{planned['id']}/proposals")["proposals"]
    assert [(each["state"], each["tests_on_base"]["state"]) for each in proposals] == [("applied", "red")] * 3
    spent = call("GET", "/budget")["global"]
    assert min(spent[f"{category}_spent_usd"] for category in CATEGORIES) > 0
    micro = [round(spent[f"{category}_spent_usd"] * 1_000_000) for category in (*CATEGORIES, "total")]
    assert sum(micro[:-1]) == micro[-1]


def _call(client: Client, base: str, method: str, path: str, body: object = None) -> Any:
    return client.call(method, base + path, body)
