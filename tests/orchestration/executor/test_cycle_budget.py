"""A start reserves its part while money is short, and a sentence names what the others wait for."""

from typing import Any

import pytest

from orchestration.executor.cycle_budget import Claim, CycleBudget

SHARE, OWN = Claim(left=0, is_share=True, least=1), Claim(left=50, is_share=False, least=1)


def a_cycle_budget(**more: Any) -> CycleBudget:
    plenty = {"cap": 100, "plan": 100, "spare": 100, "reserved": 0, "at_work": 0, "set_aside": 0, "usual": 10, "ceiling": 40}
    return CycleBudget(**{**plenty, **more})


@pytest.mark.parametrize(
    ("claim", "cycle_budget", "left"),
    [
        (OWN, {}, 50),
        (OWN, {"cap": 20}, 20),
        (OWN, {"plan": 0, "spare": 0}, 50),
        (SHARE, {}, 100),
        (SHARE, {"spare": 30}, 30),
        (SHARE, {"cap": 20}, 20),
        (Claim(5, True, 1), {"spare": 0, "plan": 30}, 30),
        (Claim(5, True, 1), {"spare": 0, "cap": 20}, 20),
        (Claim(5, True, 6), {"spare": 4}, 4),
        (SHARE, {"steered": True}, 100),
        (SHARE, {"steered": True, "reserved": 1}, 0),
        (Claim(5, True, 1), {"steered": True, "reserved": 1}, 100),
    ],
)
def test_a_start_may_take_what_its_budget_or_the_plan_has_left(claim: Claim, cycle_budget: dict[str, Any], left: int) -> None:
    assert a_cycle_budget(**cycle_budget).left(claim) == left


@pytest.mark.parametrize(
    ("claim", "cycle_budget", "needed"),
    [
        (SHARE, {}, 1),
        (SHARE, {"reserved": 1}, 10),
        (Claim(0, True, 1, is_begun=True), {"reserved": 1}, 5),
        (Claim(0, True, 15), {"reserved": 1}, 15),
        (Claim(0, True, 0), {"reserved": 1}, 0),
        (SHARE, {"limit_at_start": True}, 1),
        (SHARE, {"limit_at_start": True, "is_known": True}, 10),
        (SHARE, {"limit_at_start": True, "reserved": 1, "whole": True}, 40),
        (SHARE, {"reserved": 1, "whole": True}, 10),
        (SHARE, {"reserved": 1, "usual": 60}, 40),
        (Claim(7, False, 1), {"reserved": 1}, 7),
        (OWN, {"reserved": 1, "usual": 60}, 40),
    ],
)
def test_a_start_needs_a_usual_round_while_others_may_give_money_back(
    claim: Claim, cycle_budget: dict[str, Any], needed: int
) -> None:
    assert a_cycle_budget(**cycle_budget).needed(claim) == needed


@pytest.mark.parametrize(
    ("starts", "cycle_budget", "sharers", "whole"),
    [
        (4, {}, 4, True),
        (4, {"is_known": True, "usual": 30}, 3, False),
        (4, {"is_known": True, "usual": 30, "spare": 20}, 1, False),
        (2, {"is_known": True}, 2, False),
        (0, {"is_known": True}, 0, False),
        (5, {}, 5, False),
        (3, {}, 3, False),
        (4, {"cap": 80}, 4, False),
        (4, {"cap": 82}, 4, True),
    ],
)
def test_where_money_is_short_the_starts_share_it_or_the_first_get_the_whole(
    starts: int, cycle_budget: dict[str, Any], sharers: int, whole: bool
) -> None:
    """A part of more than half of the ceiling is not made, unless all but one could have the whole."""
    shared = a_cycle_budget(**cycle_budget)
    shared.share_among(starts)
    assert (shared.sharers, shared.whole) == (sharers, whole)


@pytest.mark.parametrize(
    ("claim", "cycle_budget", "ceiling", "reservation"),
    [
        (SHARE, {}, 40, 40),
        (SHARE, {}, 30, 30),
        (SHARE, {"spare": 20}, 40, 20),
        (SHARE, {"sharers": 4}, 40, 25),
        (SHARE, {"sharers": 4, "whole": True}, 40, 40),
        (SHARE, {"sharers": 50}, 40, 10),
        (Claim(0, True, 15), {"sharers": 50}, 40, 15),
        (SHARE, {"sharers": 4, "is_known": True}, 40, 20),
        (OWN, {"sharers": 4, "spare": 0}, 40, 25),
        (Claim(20, False, 1), {"sharers": 4}, 40, 20),
    ],
)
def test_a_first_reservation_is_its_part(claim: Claim, cycle_budget: dict[str, Any], ceiling: int, reservation: int) -> None:
    assert a_cycle_budget(**cycle_budget).first_reservation(claim, ceiling=ceiling) == reservation


@pytest.mark.parametrize(
    ("claim", "after"),
    [(SHARE, (70, 70, 70, 30, 20, 2)), (OWN, (70, 100, 100, 30, 0, 2)), (Claim(5, False, 1), (95, 100, 100, 5, 15, 2))],
)
def test_what_a_start_takes_is_no_longer_there_for_others(claim: Claim, after: tuple[int, ...]) -> None:
    cycle_budget = a_cycle_budget(set_aside=20, sharers=3)
    cycle_budget.take(claim, 5 if claim.left == 5 else 30)
    assert (
        cycle_budget.cap,
        cycle_budget.plan,
        cycle_budget.spare,
        cycle_budget.reserved,
        cycle_budget.set_aside,
        cycle_budget.sharers,
    ) == after


def test_the_last_of_those_that_share_leaves_one() -> None:
    for sharers, left in ((2, 1), (1, 1), (0, 0)):
        cycle_budget = a_cycle_budget(sharers=sharers)
        cycle_budget.take(SHARE, 1)
        assert cycle_budget.sharers == left


def usd(amount: int) -> int:
    return amount * 1_000_000


@pytest.mark.parametrize(
    ("cycle_budget", "needed", "sentence"),
    [
        ({}, 1, ""),
        ({"reserved": 4}, 6, "$4.00 reserved by sessions at work"),
        ({"reserved": 4}, 7, ""),
        ({"reserved": 4, "at_work": 3}, 9, "$7.00 set aside for sessions at work"),
        ({"reserved": 4, "at_work": 3}, 10, ""),
        ({"reserved": 4, "at_work": 3, "awaited": 2}, 11, "$2.00 reserved for east, which is away"),
        ({"reserved": 4, "at_work": 3, "awaited": 2}, 12, ""),
        (
            {"reserved": 4, "at_work": 3, "awaited": 2, "set_aside": 1},
            12,
            "$1.00 set aside for entries with a budget of their own: give it one, too",
        ),
        ({"reserved": 4, "at_work": 3, "awaited": 2, "set_aside": 1}, 13, ""),
        ({"at_work": 3}, 5, "$3.00 set aside for sessions at work"),
        ({"awaited": 3}, 5, "$3.00 reserved for east, which is away"),
        ({"set_aside": 3}, 5, "$3.00 set aside for entries with a budget of their own: give it one, too"),
    ],
)
def test_an_entry_waits_for_who_has_what_it_needs_and_for_no_one_else(
    cycle_budget: dict[str, int], needed: int, sentence: str
) -> None:
    """It has $2 left."""
    amounts = {name: usd(amount) for name, amount in cycle_budget.items()}
    waits = a_cycle_budget(awaits="east, which is away", **amounts)
    assert waits.sentence(usd(2), SHARE, usd(needed)) == (f"Waiting for {sentence}" if sentence else "")


def test_what_other_budgets_have_is_no_money_for_an_entry_with_its_own_and_a_deficit_counts() -> None:
    assert a_cycle_budget(set_aside=usd(3)).sentence(usd(2), OWN, usd(5)) == ""
    overdrawn = a_cycle_budget(set_aside=usd(3)).sentence(usd(-1), SHARE, usd(1))
    assert overdrawn == "Waiting for $2.00 set aside for entries with a budget of their own: give it one, too"
