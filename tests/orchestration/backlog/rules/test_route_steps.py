"""The end of a step: after its rounds, on a plateau, in a round that leads nowhere, with a full conversation; never for what is nobody's fault."""

from dataclasses import replace
from typing import Any

import pytest

from orchestration.backlog.rules.route_steps import is_over, why_over
from orchestration.backlog.rules.transitions import Facts, after
from orchestration.backlog.rules.ways import nothing_to_do

FACTS = Facts(
    outcome="failed",
    message="no",
    rounds_completed=1,
    budget_rounds=9,
    crashes=0,
    headroom=1_000_000,
    min_round=50_000,
    has_next_step=True,
)
FLAT: dict[str, Any] = {"improvements": [0.0, 0.0, 0.0]}


@pytest.mark.parametrize(
    ("change", "rounds", "most", "failure", "over"),
    [
        ({}, 1, 1, "", True),
        ({}, 1, 2, "", False),
        ({}, 2, 2, "", True),
        ({"outcome": "conflict"}, 1, 1, "", True),
        ({"outcome": "no_change"}, 1, 1, "", True),
        (FLAT, 3, 9, "", True),
        ({"outcome": "doomed"}, 1, 9, "", True),
        ({"outcome": "crashed"}, 0, 9, "context_full", True),
        ({"outcome": "crashed"}, 1, 1, "crashed", False),
        ({"outcome": "unavailable"}, 1, 1, "rate_limited", False),
        ({"outcome": "interrupted"}, 1, 1, "", False),
        ({"outcome": "stopped"}, 1, 1, "", False),
        ({"outcome": "out_of_money"}, 1, 1, "", False),
        ({"outcome": "passed", "lands": True}, 9, 1, "", False),
        ({"outcome": "passed", "done": nothing_to_do(round=1)}, 9, 1, "", False),
        ({"has_next_step": False}, 9, 1, "", False),
        ({"has_next_step": False, "outcome": "doomed"}, 9, 1, "", False),
    ],
)
def test_a_step_is_over(change: dict[str, Any], rounds: int, most: int, failure: str, over: bool) -> None:
    assert is_over(replace(FACTS, **change), failure=failure, rounds=rounds, most=most) is over


@pytest.mark.parametrize(
    ("change", "rounds", "failure", "why"),
    [
        ({}, 1, "", "failed 1 round"),
        ({"outcome": "conflict"}, 2, "", "failed 2 rounds"),
        (FLAT, 3, "", "got no further"),
        ({"outcome": "doomed"} | FLAT, 3, "", "led nowhere"),
        ({"outcome": "crashed"}, 0, "context_full", "filled its conversation"),
    ],
)
def test_the_end_of_a_step_has_a_reason(change: dict[str, Any], rounds: int, failure: str, why: str) -> None:
    assert why_over(replace(FACTS, **change), failure=failure, rounds=rounds) == why


def test_an_entry_with_another_step_is_not_blocked_by_a_plateau_or_by_rounds_without_a_change() -> None:
    for change in (FLAT, {"outcome": "no_change", "unchanged_in_a_row": 2}):
        assert after(replace(FACTS, **change)).status == "pending"
        assert after(replace(FACTS, **change, has_next_step=False)).status == "blocked"
