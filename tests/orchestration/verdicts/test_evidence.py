"""Two runs of one check on one tree: what differs between them is flaky."""

import pytest

from orchestration.verdicts.evidence import CheckRun, merged
from tests.orchestration.verdicts.test_comparison import exits, report


@pytest.mark.parametrize(
    ("first", "second", "passed", "failed", "flaky", "green"),
    [
        (report("a", "b"), report("a", "b"), "a", "b", "", False),
        (report("a", "b"), report("a b"), "a", "", "b", True),
        (report("a", "b"), report("b", "a"), "", "", "a b", True),
        (report("a", "b c"), report("a b", "c"), "a", "c", "b", False),
        (report("a", "b"), report("a"), "a", "b", "", False),
        (report("a", "b"), report("a", "c"), "a", "b c", "", False),
    ],
)
def test_a_case_fails_only_if_it_failed_in_each_run_in_which_it_ran(
    first: object, second: object, passed: str, failed: str, flaky: str, green: bool
) -> None:
    both = merged(first, second)  # type: ignore[arg-type]
    assert both.cases is not None
    assert (both.cases.passed, set(both.cases.failed), both.cases.flaky) == (
        frozenset(passed.split()), set(failed.split()), frozenset(flaky.split()),
    )  # fmt: skip
    assert both.is_green == green


def test_an_exit_code_that_differs_is_flaky_and_counts_as_good() -> None:
    assert (merged(exits(1), exits(0)).is_green, merged(exits(1), exits(0)).flaky) == (True, True)
    assert (merged(exits(1), exits(1)).is_green, merged(exits(1), exits(1)).flaky) == (False, False)


def test_a_run_that_ended_well_excuses_another_whose_cases_were_the_same() -> None:
    """Its program failed after the last case: in the first run or in the second."""
    crashed, well = report("a b", exit_code=1), report("a b")
    assert merged(well, crashed).is_green and merged(crashed, well).is_green
    assert not merged(crashed, crashed).is_green


@pytest.mark.parametrize(
    ("other", "skipped"), [(report("a b"), ""), (report("a", "b"), ""), (report("a", skipped="b"), "b"), (report("a"), "b")]
)
def test_a_case_is_skipped_only_if_no_run_ran_it(other: CheckRun, skipped: str) -> None:
    once = report("a", skipped="b")
    for both in (merged(once, other), merged(other, once)):
        assert both.cases is not None and both.cases.skipped == frozenset(skipped.split()) and not both.flaky


def test_of_two_runs_without_cases_the_better_counts() -> None:
    worse, better = exits(1, score=0.2), exits(1, score=0.6)
    for both in (merged(worse, better), merged(better, worse)):
        assert (both.score, both.is_green, both.flaky) == (0.6, False, False)
