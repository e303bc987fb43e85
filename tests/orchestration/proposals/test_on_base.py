"""The tests of a proposed entry are judged before its work: red is right, everything else is a sentence."""

from typing import Any

import pytest

from orchestration.proposals import base_tests
from orchestration.proposals.base_tests import BaseTests
from orchestration.proposals.kinds.schema import ProposedEntry
from orchestration.verdicts.evidence import Cases, CheckRun


def judged(runs: list[CheckRun], before: list[CheckRun] | None = None, **spec: Any) -> BaseTests:
    entry = ProposedEntry.model_validate({"content": "Parse", "spec": {"tests": ["tests/test_a.py::test_b"], **spec}})
    return base_tests.judge({0: entry}, runs, before or [])[0]


def a_run(*passed: str, skipped: tuple[str, ...] = (), exit_code: int = 1, **failed: str) -> CheckRun:
    """Names of failed cases have `__` for a dot."""
    bad = {name.replace("__", "."): message for name, message in failed.items()}
    return CheckRun("tests", "pytest", exit_code, cases=Cases(frozenset(passed), bad, frozenset(skipped)), score=0 if bad else 1)


def test_a_test_that_runs_and_fails_is_red_with_its_message() -> None:
    result = judged([a_run("tests.test_a.test_c", tests__test_a__test_b="AttributeError: parse")])
    assert result == BaseTests("red", {"tests.test_a.test_b": "AttributeError: parse"})


def test_one_failing_target_is_enough() -> None:
    result = judged([a_run("tests.test_a.test_c", tests__test_a__test_b="no")], tests=["tests/test_a.py"])
    assert (result.state, list(result.failing)) == ("red", ["tests.test_a.test_b"])


@pytest.mark.parametrize("case", ["passed", "skipped"])
def test_a_test_that_does_not_fail_shows_nothing(case: str) -> None:
    name = "tests.test_a.test_b"
    run = a_run(name) if case == "passed" else a_run("x.y", skipped=(name,))
    assert (judged([run]).state, judged([run]).problem) == ("green", base_tests.GREEN)


def test_a_name_that_no_test_has_is_missing() -> None:
    result = judged([a_run("tests.test_a.test_c")])
    assert (result.state, "No test is named tests/test_a.py::test_b" in result.problem) == ("missing", True)


@pytest.mark.parametrize("tests", [["tests/test_a.py::test_b"], ["tests/test_a.py"], ["tests.test_a.test_b"]])
def test_a_file_that_cannot_be_imported_is_broken(tests: list[str]) -> None:
    run = a_run("x.y", tests__test_a="ImportError: cannot import name 'parse'")
    result = judged([run], tests=tests, test_files={"tests/test_a.py": "import parse"})
    assert result.state == "broken"
    assert result.problem.startswith("tests.test_a cannot be imported before the work (ImportError: cannot import name 'parse')")


def test_a_test_file_keeps_the_tests_that_pass_in_it() -> None:
    run, before = a_run(tests__test_a__test_b="no"), a_run("tests.test_a.test_c", exit_code=0)
    result = judged([run], [before], test_files={"tests/test_a.py": "..."})
    assert (result.state, "take away tests.test_a.test_c" in result.problem) == ("broken", True)


def test_without_cases_only_an_exit_code_of_0_shows_the_state() -> None:
    assert judged([CheckRun("tests", "make", 0, score=1)]).state == "green"
    result = judged([CheckRun("tests", "make", 1)])
    assert (result.state, result.problem, result.remark) == ("unknown", "", base_tests.UNKNOWN)


def test_what_is_stored_is_short() -> None:
    run = a_run(**{f"tests__test_a__test_b__{n}": "x" * 999 for n in range(99)})
    stored = judged([run]).as_json()
    assert (len(stored["failing"]), {len(text) for text in stored["failing"].values()}) == (50, {200})
