"""Two runs of one check on one tree: what differs between them is flaky."""

from dataclasses import replace

import pytest

from orchestration.verdicts.evidence import MAX_LISTED, CheckRun, merged
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
    assert both.score == len(both.cases.good) / len(both.cases.good | both.cases.failed.keys())
    assert both.findings == tuple(f"{name}: no" for name in failed.split())


def test_an_exit_code_that_differs_is_flaky_and_counts_as_good() -> None:
    assert (merged(exits(1), exits(0)).is_green, merged(exits(1), exits(0)).flaky) == (True, True)
    assert (merged(exits(1), exits(1)).is_green, merged(exits(1), exits(1)).flaky) == (False, False)


def test_what_failed_in_the_first_run_and_passed_in_the_second_is_shown_with_both_times() -> None:
    shown = merged(replace(report("a", "b"), seconds=2), replace(report("a b"), seconds=3)).as_json()
    assert (shown["flaky"], shown["seconds"], shown["first_failure"]) == (True, 5, ["exited with 1"])
    assert shown["note"] == "flaky: failed in one run and passed in the other: b"
    shown = merged(replace(exits(1), seconds=2), replace(exits(0), seconds=3)).as_json()
    assert (shown["flaky"], shown["seconds"], shown["first_failure"]) == (True, 5, ["exited"])
    assert shown["note"] == "flaky: it failed, and passed when it was run again"
    again = merged(report("a", "b"), report("a", "b"))
    assert not again.first_failure and "flaky" not in again.as_json() and not merged(exits(1), exits(1)).first_failure


@pytest.mark.parametrize(("count", "names"), [(3, "c0, c1, c2"), (5, "c0, c1, c2 and 2 more")])
def test_the_first_three_flaky_cases_are_named(count: int, names: str) -> None:
    cases = " ".join(f"c{n}" for n in range(count))
    assert merged(report(failed=cases), report(cases)).as_json()["note"].endswith(f"other: {names}")


def test_of_two_runs_that_ran_no_case_nothing_passed() -> None:
    both = merged(report(skipped="a"), report(skipped="a"))
    assert (both.score, both.is_green) == (0.0, False)


def test_what_is_kept_of_a_long_report_is_its_first_cases_and_the_count_of_all() -> None:
    names = " ".join(f"c{n}" for n in range(MAX_LISTED + 1))
    passed, failed = report(names).as_json()["cases"], report("", names, skipped="s").as_json()["cases"]
    assert (len(passed["passed"]), passed["passing"], passed["failing"], passed["skipped"]) == (MAX_LISTED, MAX_LISTED + 1, [], 0)
    assert (len(failed["failing"]), failed["passing"], failed["skipped"]) == (MAX_LISTED, 0, 1)


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
