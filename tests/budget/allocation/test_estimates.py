"""An entry's remaining need is estimated in figures that a person can check: rounds in micro-USD, scores from 0 to 1."""

import pytest

from budget.allocation import estimates
from budget.allocation.estimates import Prior, Round, Typical

USUAL = Typical(round=100, pace=1 / 400, whole=400, known=True)


@pytest.mark.parametrize(
    ("rounds", "verified"),
    [
        ([Round(10, 0.5), Round(20, -0.1)], [Round(10, 0.5), Round(20, 0.0)]),
        ([Round(10, None), Round(5, None), Round(20, 0.5), Round(7, 0.1)], [Round(35, 0.5), Round(7, 0.1)]),
        ([Round(-3, None), Round(-3, 0.5)], [Round(0, 0.5)]),
        ([Round(20, 0.5), Round(10, None)], [Round(20, 0.5)]),
        ([Round(20, 0.5), Round(10, None), Round(5, None)], [Round(20, 0.5), Round(15, 0.0)]),
        ([Round(20, 0.5), Round(10, None), Round(0, None)], [Round(20, 0.5)]),
        ([Round(10, None), Round(20, 0.5), Round(10, None)], [Round(30, 0.5)]),
    ],
)
def test_rounds_without_a_verdict_are_carried_to_the_next_verified_one(rounds: list[Round], verified: list[Round]) -> None:
    assert estimates.verified_rounds(rounds) == verified


@pytest.mark.parametrize(("gains", "best"), [([], 0), ([0.2, -0.1, 0.3], 0.5), ([0.25, None], 0.25), ([0.75, 0.75], 1)])
def test_the_best_score_is_the_sum_of_the_gains_and_at_most_one(gains: list[float | None], best: float) -> None:
    assert estimates.best_score([Round(1, gain) for gain in gains]) == best


@pytest.mark.parametrize(
    ("histories", "typical"),
    [
        ([], Typical(500, 1 / 1500, 1500, False)),
        ([[Round(0, 0.5)]], Typical(500, 1 / 1500, 1500, False)),
        ([[Round(100, 0.5)], [Round(300, 0.5), Round(200, 0.5)]], Typical(200, 0.0035, 1 / 0.0035, True)),
        ([[Round(100, 0.0)]], Typical(100, 1 / 1000, 1000, True)),
        ([[Round(900, 0.9)]], Typical(500, 1 / 1000, 1000, True)),
        ([[Round(10, 0.1)]], Typical(50, 1 / 100, 100, True)),
    ],
)
def test_medians_lie_between_the_bounds_of_a_round(histories: list[list[Round]], typical: Typical) -> None:
    matches = estimates.find_typical(histories, min_round=50, max_round=500)
    assert (matches.round, matches.known) == (typical.round, typical.known)
    assert (matches.pace, matches.whole) == pytest.approx((typical.pace, typical.whole))


def test_a_round_costs_something_also_where_nothing_bounds_it() -> None:
    assert estimates.find_typical([], min_round=0, max_round=0).round == 1


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (Prior(200, 1.5), (200, 300)),
        (Prior(200, 0.5), (200, 200)),
        (Prior(5000, 1), (1000, 1000)),
        (Prior(1000, 9), (1000, 4000)),
        (Prior(1, 1), (10, 40)),
    ],
)
def test_a_prior_counts_within_ten_times_of_the_medians(prior: Prior, expected: tuple[int, float]) -> None:
    matches = estimates.expected(USUAL, prior)
    assert (matches.round, matches.whole, 1 / matches.pace) == pytest.approx((*expected, expected[1])) and matches.known


def look(*rounds: Round, counted: int | None = None, plateau_rounds: int = 2) -> estimates.Outlook:
    return estimates.outlook(rounds, USUAL, counted=counted, plateau_rounds=plateau_rounds, plateau_epsilon=0.05)


def test_an_entry_without_rounds_needs_what_is_usual() -> None:
    assert look() == estimates.Outlook(400, 400, 100, 0.0, 0, 0, False)


def test_its_own_rounds_count_next_to_one_of_the_medians() -> None:
    seen = look(Round(100, 0.5))
    assert (seen.gained, seen.paid, seen.rounds, seen.round) == (0.5, 100, 1, 100)
    assert (seen.need, seen.rank) == (133, pytest.approx(0.5 / ((0.5 + 0.25) / 200)))


def test_only_its_last_two_rounds_give_its_pace_and_its_last_three_what_a_round_costs() -> None:
    seen = look(Round(900, 0.125), Round(200, 0.25), Round(300, None), Round(400, 0.25), Round(0, 0.0))
    assert (seen.gained, seen.paid, seen.rounds) == (0.25, 700, 2)
    assert seen.round == (200 + 300 + 400 + 100) // 4
    assert seen.need == int(0.375 / ((0.25 + 0.25) / 800))


def test_nearly_done_still_needs_a_fiftieth() -> None:
    assert look(Round(100, 0.75), Round(100, 0.25)).need == int(0.02 / ((1 + 0.25) / 300))


@pytest.mark.parametrize(
    ("gains", "counted", "fruitless"),
    [
        ([0.3, 0.1], None, 0),
        ([0.3, 0.09], None, 1),
        ([0.3, 0.0, 0.0], None, 2),
        ([0.0, 0.3], None, 0),
        ([0.0, 0.0, 0.0], None, 3),
        ([0.0, 0.0, 0.0], 1, 1),
        ([0.0, 0.0, 0.0], 0, 0),
        ([0.0], 9, 1),
    ],
)
def test_each_fruitless_round_in_a_row_since_a_person_restarted_it_makes_it_ten_times_as_far(
    gains: list[float], counted: int | None, fruitless: int
) -> None:
    rounds = [Round(100, gain) for gain in gains]
    seen = look(*rounds, counted=counted)
    need = max(1 - sum(gains), 0.02) / ((sum(gains[-2:]) + 0.25) / (100 * len(gains[-2:]) + 100))
    assert seen.rank == pytest.approx(need * 10**fruitless) and seen.need == int(need)


@pytest.mark.parametrize(
    ("gains", "counted", "stuck"),
    [
        ([0.3, 0.04, 0.04], None, True),
        ([0.3, 0.04, 0.05], None, False),
        ([0.04], None, False),
        ([0.3, 0.04, 0.04], 1, False),
        ([0.04, 0.04, 0.3], None, False),
    ],
)
def test_a_plateau_is_so_many_rounds_below_its_bound(gains: list[float], counted: int | None, stuck: bool) -> None:
    assert look(*(Round(100, gain) for gain in gains), counted=counted).stuck is stuck
