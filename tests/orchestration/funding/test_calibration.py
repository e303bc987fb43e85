"""Estimates of agents are scored against what happened, and count only where they beat the workspace's medians."""

from dataclasses import replace
from typing import Any

import pytest

from orchestration.funding.calibration import Calibration, Estimate, Outcome, calibrate

SURE, HOPELESS = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
PASSED, FAILED = Outcome(1, 1, 100), Outcome(3, None, 300)


def scored(*pairs: tuple[Estimate, Outcome]) -> Calibration:
    return calibrate(pairs, [outcome for _, outcome in pairs])


def test_a_perfect_agent_beats_the_medians_and_counts() -> None:
    result = scored(*[(Estimate(SURE, 100), PASSED)] * 3, *[(Estimate(HOPELESS, 300), FAILED)] * 3)
    assert (result.entries, result.brier, result.cost_error, result.counts) == (6, 0, 0, True)
    assert (result.usual_brier, result.usual_cost_error > 0) == (0.25, True)
    assert result.sentence.startswith("Used when money is shared out")


def test_a_few_outcomes_show_nothing() -> None:
    result = scored(*[(Estimate(SURE, 100), PASSED)] * 2, *[(Estimate(HOPELESS, 300), FAILED)] * 2)
    assert (result.counts, result.sentence) == (False, "Not used yet: 4 of 5 outcomes that it takes to tell.")


@pytest.mark.parametrize("estimate", [Estimate(SURE, 100), Estimate((0.5, 0.5, 0.5), 200), Estimate(HOPELESS, 300)])
def test_an_agent_with_one_estimate_for_all_is_ignored(estimate: Estimate) -> None:
    result = scored(*[(estimate, PASSED), (estimate, FAILED)] * 4)
    assert (result.counts, result.sentence.startswith("Ignored")) == (False, True)


def test_good_chances_with_wrong_costs_are_ignored() -> None:
    assert not scored(*[(Estimate(SURE, 9000), PASSED), (Estimate(HOPELESS, 9000), FAILED)] * 4).counts


def test_an_entry_that_is_not_over_counts_for_the_rounds_that_it_had() -> None:
    going_on = Outcome(1, None, 100)
    assert [going_on.after(n) for n in (1, 2, 3)] == [False, None, None]
    assert [Outcome(2, 2, 100).after(n) for n in (1, 2, 3)] == [False, True, True]
    assert scored((Estimate((0.5, 1, 1), 100), going_on)).brier == 0.25


def test_an_entry_without_a_judged_round_counts_for_nothing() -> None:
    assert scored((Estimate(SURE, 100), Outcome(0, None, 0))) == Calibration(0, 0, 0, None, None)


@pytest.mark.parametrize(("chances", "rounds"), [(SURE, 1), (HOPELESS, 5), ((0.5, 0.75, 1.0), 1.75)])
def test_chances_become_an_expected_number_of_rounds(chances: tuple[float, ...], rounds: float) -> None:
    assert Estimate(chances, 100).prior.rounds == rounds


@pytest.mark.parametrize(
    ("change", "counts", "word"),
    [
        ({}, True, "Used"),
        ({"entries": 4}, False, "Not used yet: 4 of 5"),
        ({"brier": 0.2}, False, "Ignored"),
        ({"cost_error": 0.3}, False, "Ignored"),
        ({"cost_error": None}, False, "Ignored"),
        ({"usual_cost_error": None}, False, "Ignored"),
    ],
)
def test_from_five_outcomes_an_agent_counts_that_is_better_in_both(change: dict[str, Any], counts: bool, word: str) -> None:
    result = replace(Calibration(5, 0.1, 0.2, 0.2, 0.3), **change)
    assert (result.counts, result.sentence.startswith(word)) == (counts, True)


def test_medians_are_of_all_that_cost_something_and_errors_of_the_agents_own_entries() -> None:
    pairs = [(Estimate(SURE, 150), Outcome(1, 1, 100)), (Estimate(SURE, 100), Outcome(1, 1, 0))]
    result = calibrate(pairs, [*(outcome for _, outcome in pairs), *[Outcome(1, None, 300)] * 3, *[Outcome(1, 1, 0)] * 9])
    assert (result.entries, result.cost_error, result.usual_cost_error) == (2, 0.5, 2.0)
    shares = 11 / 14  # passed after one round
    assert result.brier == 0 and result.usual_brier == pytest.approx((2 * (1 - shares) ** 2 + 4 * 0) / 6)
