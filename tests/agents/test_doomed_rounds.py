"""A session worker is killed around the warning and the end of a round that leads nowhere: nobody is warned twice, and the round ends once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.harness import Bench, command_turn
from tests.agents.llm import ScriptedLLM
from tests.agents.test_claude_code import OK, USAGE, claude
from tests.faults.crashes import Point, both
from tests.faults.harness import Client, Running
from tests.sampling import part

CLI = "claude"
POINTS = part(
    [
        *both("orchestration.dialogue.progress_warnings.send", name="warned"),
        *both("orchestration.sessions.rounds.record_agent_done", name="ended"),
    ],
    2,
)


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_killed_worker_warns_once_and_ends_the_round_once(
    llm: Callable[..., ScriptedLLM], bench: Callable[..., Bench], muster: tuple[Running, Client, Path], point: Point
) -> None:
    plans: Any = muster[2] / "plans"
    work = bench(claude(llm(circles={"turns": [command_turn("cat missing", usage=USAGE)], "loop": True}), "circles"), verify=OK)
    work.call("POST", "/executor/pause")
    id_ = work.add("write ok", budget_rounds=1)
    (plans / id_).write_text(point.plan)
    work.call("POST", "/executor/resume")
    entry = work.becomes(id_, "failed", 90)
    assert (plans / f"{id_}.done").exists(), "no worker was killed"
    assert entry["reasons"][0]["code"] == "rounds_exhausted" and entry["rounds_completed"] == 1
    [warning] = work.call("GET", f"/todo/entries/{id_}/messages")["messages"]
    assert (warning["sent_by"], warning["state"]) == ("muster", "delivered")
    rounds = work.call("GET", f"/todo/entries/{id_}/rounds")["rounds"]
    assert [each["verdict"] for each in rounds] == ["unverified", "doomed"]
    assert rounds[-1]["ended_early"] in rounds[-1]["findings"] and work.call("GET", "/budget/holds")["held_usd"] == 0
