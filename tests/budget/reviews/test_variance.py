"""Plan against what came of it, and the order of a review's lines. Pure."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from budget.amounts import usd
from budget.reviews import variance
from budget.reviews.variance import Variance


@dataclass(frozen=True)
class Line:
    budget: int
    spent: int
    forecast: int | None = None


def test_over_is_positive_and_in_percent_of_the_plan() -> None:
    assert variance.spent_variance(Line(usd(10), usd(15))) == Variance(usd(5), 50.0)
    assert variance.spent_variance(Line(usd(10), usd(7))) == Variance(usd(-3), -30.0)


def test_a_plan_of_zero_has_no_percent() -> None:
    assert variance.spent_variance(Line(0, usd(5))) == Variance(usd(5), None)


def test_an_unknown_forecast_has_no_variance() -> None:
    assert variance.forecast_variance(Line(usd(10), usd(1))) is None
    assert variance.forecast_variance(Line(usd(10), usd(1), usd(12))) == Variance(usd(2), 20.0)


def test_the_farthest_from_the_plan_comes_first_by_its_forecast_if_it_has_one() -> None:
    a, b, c = Line(usd(10), usd(9)), Line(usd(10), usd(9), usd(30)), Line(usd(10), usd(2))
    assert variance.rank([a, b, c]) == [b, c, a]


amounts = st.integers(0, 10**15)


@given(st.lists(st.builds(Line, amounts, amounts, st.none() | amounts)))
def test_ranking_keeps_all_lines_and_never_rises(lines: list[Line]) -> None:
    ranked = variance.rank(lines)
    far = [abs((variance.forecast_variance(line) or variance.spent_variance(line)).amount) for line in ranked]
    assert far == sorted(far, reverse=True) and sorted(map(id, ranked)) == sorted(map(id, lines))
