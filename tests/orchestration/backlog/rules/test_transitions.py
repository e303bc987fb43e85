"""The table of docs/reference/states.md, row by row."""

from dataclasses import replace

import pytest

from orchestration.backlog.rules.transitions import Facts, after
from orchestration.backlog.rules.ways import nothing_to_do

FACTS = Facts(
    outcome="failed", message="no", rounds_completed=1, budget_rounds=5, crashes=0, headroom=1_000_000, min_round=50_000
)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"outcome": "passed", "done": nothing_to_do(round=1)}, "done", ""),
        ({"outcome": "passed", "lands": True}, "in_progress", ""),
        ({"outcome": "failed"}, "pending", ""),
        ({"outcome": "failed", "rounds_completed": 5}, "failed", "rounds_exhausted"),
        ({"outcome": "failed", "headroom": 10_000}, "blocked", "budget_exceeded"),
        ({"outcome": "lost", "headroom": 10_000, "awaited": 40_000}, "pending", ""),
        ({"outcome": "lost", "headroom": 10_000, "awaited": 39_999}, "blocked", "budget_exceeded"),
        ({"outcome": "failed", "improvements": [0.2, 0.0, 0.0, 0.005]}, "blocked", "no_improvement"),
        ({"outcome": "failed", "improvements": [0.0, 0.2, 0.0]}, "pending", ""),
        ({"outcome": "failed", "improvements": [0.0, 0.0]}, "pending", ""),
        ({"outcome": "failed", "improvements": [0.01, 0.01, 0.01]}, "pending", ""),
        ({"outcome": "failed", "improvements": [0.009, 0.009, 0.009]}, "blocked", "no_improvement"),
        ({"outcome": "failed", "improvements": [0.0, 0.01, 0.0]}, "pending", ""),
        ({"outcome": "no_change", "unchanged_in_a_row": 1}, "pending", ""),
        ({"outcome": "doomed"}, "pending", ""),
        ({"outcome": "doomed", "rounds_completed": 5}, "failed", "rounds_exhausted"),
        ({"outcome": "no_change", "unchanged_in_a_row": 2, "rounds_completed": 5}, "blocked", "no_change"),
        ({"outcome": "failed", "rounds_completed": 4}, "pending", ""),
        ({"outcome": "failed", "headroom": 49_999}, "blocked", "budget_exceeded"),
        ({"outcome": "failed", "headroom": 50_000}, "pending", ""),
        ({"outcome": "failed", "headroom": 0, "own_budget": False}, "blocked", "project_budget_exceeded"),
        ({"outcome": "failed", "rounds_completed": 5, "improvements": [0.0, 0.0, 0.0]}, "failed", "rounds_exhausted"),
        ({"outcome": "conflict", "conflicts_in_a_row": 2, "rounds_completed": 5}, "failed", "rounds_exhausted"),
        ({"outcome": "unavailable", "headroom": 0}, "pending", ""),
        ({"outcome": "stopped", "stopped_for_good": True}, "blocked", "human_hold"),
        ({"outcome": "stopped"}, "pending", ""),
        ({"outcome": "lost", "stopped_for_good": True}, "blocked", "human_hold"),
        ({"outcome": "unavailable", "stopped_for_good": True}, "blocked", "human_hold"),
        ({"outcome": "failed", "stopped_for_good": True}, "blocked", "human_hold"),
        ({"outcome": "failed", "stopped_for_good": True, "headroom": 10_000}, "blocked", "budget_exceeded"),
        ({"outcome": "passed", "lands": True, "stopped_for_good": True}, "in_progress", ""),
        ({"outcome": "interrupted"}, "pending", ""),
        ({"outcome": "failed", "hold_after_by": "ana"}, "blocked", "human_hold"),
        ({"outcome": "interrupted", "hold_after_by": "ana"}, "blocked", "human_hold"),
        ({"outcome": "passed", "done": nothing_to_do(round=1), "hold_after_by": "ana"}, "done", ""),
        ({"outcome": "failed", "hold_after_by": "ana", "headroom": 10_000}, "blocked", "budget_exceeded"),
        ({"outcome": "out_of_money"}, "pending", ""),
        ({"outcome": "out_of_money", "headroom": 0}, "blocked", "budget_exceeded"),
        ({"outcome": "crashed", "crashes": 2}, "pending", ""),
        ({"outcome": "crashed", "crashes": 3}, "failed", "agent_unavailable"),
        ({"outcome": "timed_out", "crashes": 3}, "failed", "agent_unavailable"),
        ({"outcome": "crashed", "crashes": 4, "losses": 2}, "pending", ""),
        ({"outcome": "crashed", "crashes": 5, "losses": 3}, "failed", "agent_unavailable"),
        ({"outcome": "lost", "crashes": 4, "losses": 4}, "pending", ""),
        ({"outcome": "lost", "headroom": 0}, "blocked", "budget_exceeded"),
        ({"outcome": "lost", "headroom": 0, "verify_next": True}, "pending", ""),
        ({"outcome": "lost", "crashes": 5, "losses": 5}, "failed", "agent_unavailable"),
        ({"outcome": "conflict", "conflicts_in_a_row": 1}, "pending", ""),
        ({"outcome": "conflict", "conflicts_in_a_row": 2}, "blocked", "merge_conflict"),
    ],
)
def test_where_an_entry_goes(change: dict[str, object], status: str, code: str) -> None:
    following = after(replace(FACTS, **change))  # type: ignore[arg-type]
    assert (following.status, following.code) == (status, code)
    assert following.message or not code
