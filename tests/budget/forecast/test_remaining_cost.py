"""The remaining cost of open entries, drawn from the rounds so far."""

import random
from statistics import median

from budget.amounts import usd
from budget.forecast.remaining_cost import Life, end_costs

GOING_ON = Life(rounds=2, cost=usd(2), left=3, over=False)


def typical(*ahead: Life) -> float:
    """In dollars: the median, where many entries at work have paid a dollar for each round and none has ended."""
    known = [Life(life.rounds, life.cost, 0, False) for life in [GOING_ON] * 200]
    return median(end_costs([*known, *ahead], draws=101, dice=random.Random(1))) / usd(1)


def test_an_entry_takes_no_more_rounds_than_it_has_left() -> None:
    for left in (1, 2, 3):
        assert 0.9 * left < typical(Life(rounds=2, cost=usd(2), left=left, over=False)) < 1.1 * left


def test_an_entry_that_has_not_started_takes_no_more_rounds_than_it_has_either() -> None:
    assert 0.9 < typical(Life(rounds=0, cost=0, left=1, over=False)) < 1.1


def test_an_entry_that_ended_or_has_no_round_left_costs_nothing_more() -> None:
    assert (
        typical(Life(rounds=2, cost=usd(2), left=3, over=True)) == typical(Life(rounds=2, cost=usd(2), left=0, over=False)) == 0
    )
