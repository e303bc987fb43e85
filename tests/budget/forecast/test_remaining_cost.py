"""The remaining cost of open entries, drawn from the rounds so far."""

import random
from statistics import median

import pytest

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


def costs(known: list[Life], *ahead: Life, draws: int = 101) -> list[float]:
    return [cost / usd(1) for cost in end_costs([*known, *ahead], draws=draws, dice=random.Random(1))]


def over(rounds: int, dollars: int, number: int = 200) -> list[Life]:
    return [Life(rounds, usd(dollars), 0, over=True)] * number


def test_without_a_paid_round_nothing_is_known() -> None:
    new = Life(0, 0, 3, over=False)
    assert costs([], new) == costs([Life(0, 0, 0, over=True), Life(1, 0, 0, over=True)], new) == []


def test_each_draw_is_one_cost_in_order_of_the_amounts() -> None:
    drawn = costs(over(2, 2, 10), *[Life(0, 0, 5, over=False)] * 3, draws=30)
    assert len(drawn) == 30 and drawn == sorted(drawn) and drawn[0] < drawn[-1]


def test_what_usually_ends_after_its_second_round_takes_as_many() -> None:
    known = over(2, 2)
    assert median(costs(known, Life(0, 0, 5, over=False))) == pytest.approx(2, rel=0.1)
    assert median(costs(known, Life(0, 0, 1, over=False))) == pytest.approx(1, rel=0.1)
    assert median(costs(known, Life(1, usd(1), 4, over=False))) == pytest.approx(1, rel=0.1)


def test_an_entrys_own_rounds_count_next_to_the_average_one() -> None:
    assert median(costs(over(2, 2), Life(1, usd(3), 4, over=False))) == pytest.approx(2, rel=0.1)  # (3 + 1) / 2
    assert median(costs(over(2, 2), Life(3, usd(9), 1, over=False))) == pytest.approx(2.5, rel=0.1)  # (9 + 1) / 4


def test_a_large_backlog_is_scaled_up_from_a_sample_of_it() -> None:
    known, new = over(2, 2), Life(0, 0, 5, over=False)
    assert median(costs(known, *[new] * 800)) == pytest.approx(1600, rel=0.1)


def test_few_entries_leave_doubt() -> None:
    few, many = (costs(over(1, 1, number), Life(0, 0, 5, over=False), draws=300) for number in (4, 400))
    assert few[270] / few[30] > 1.5 > 1.2 > many[270] / many[30]


def test_a_round_that_most_entries_passed_is_not_where_the_next_one_ends() -> None:
    """Half of them end after the first round, the others after the third."""
    known = [*over(1, 1), *over(3, 3)]
    assert median(costs(known, *[Life(1, usd(1), 9, over=False)] * 50)) == pytest.approx(100, rel=0.1)
    assert median(costs(known, *[Life(0, 0, 9, over=False)] * 50)) == pytest.approx(100, rel=0.1)
