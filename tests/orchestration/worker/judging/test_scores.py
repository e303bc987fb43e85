"""Scores from real evidence: JUnit files case by case, and several checks by their weights."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.configuration import Check
from orchestration.processes.agent_process import Ended
from orchestration.verdicts.comparison import Question, Result
from orchestration.worker.judging import checks, junit
from tests.orchestration.worker.judging.running import Ends, RunCheck

PASSED, FAILED = "<testcase name='a'/>", "<testcase name='b'><failure message='no'/></testcase>"
ERROR, SKIPPED = "<testcase name='c'><error message='broke'/></testcase>", "<testcase name='d'><skipped/></testcase>"


@pytest.mark.parametrize(
    ("cases", "score", "failing"),
    [
        ([PASSED], 1.0, []),
        ([PASSED, FAILED], 0.5, ["b: no"]),
        ([PASSED, ERROR], 0.5, ["c: broke"]),
        ([PASSED, PASSED, FAILED, ERROR], 0.5, ["b: no", "c: broke"]),
        ([PASSED, SKIPPED], 1.0, []),
        ([PASSED, FAILED, SKIPPED, SKIPPED], 0.5, ["b: no"]),
        ([SKIPPED], 0.0, []),
        ([ERROR], 0.0, ["c: broke"]),
        ([], 0.0, []),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_junit_file_scores_the_share_of_the_cases_that_ran_and_passed(
    tmp_path: Path, cases: list[str], score: float, failing: list[str]
) -> None:
    (tmp_path / "j.xml").write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    report = junit.read(tmp_path / "j.xml")
    assert (report.score, list(report.failing), report.error) == (score, failing, "")


def test_a_file_that_cannot_be_imported_is_reported_with_its_error(tmp_path: Path) -> None:
    text = "Traceback:\ntests/test_a.py:1: in module\nE   ImportError: cannot import name 'old' from 'shop' (shop.py)"
    case = f"<testcase classname='' name='tests.test_a'><error message='collection failure'>{text}</error></testcase>"
    (tmp_path / "j.xml").write_text(f"<testsuite>{case}</testsuite>")
    assert junit.read(tmp_path / "j.xml").failing == (
        "tests.test_a: ImportError: cannot import name 'old' from 'shop' (shop.py)",
    )


def verdict_on(configured: list[Check], checkout: Path, run: RunCheck) -> Result:
    return checks.judge(configured, checkout, Ends(run), {}, Question())[1]


def ends(**results: tuple[int, str]) -> RunCheck:
    """Each check by its name: its exit code, and the line that it prints."""

    def run(check: Check, on_line: Callable[[str, str], None]) -> Ended:
        code, line = results[check.name]
        on_line(line, "stdout")
        return Ended(cause="exited", exit_code=code)

    return run


HALF = '{"type": "score", "score": 0.5, "findings": ["half"]}'


@pytest.mark.parametrize(
    ("weights", "score"), [((1, 1), 0.75), ((3, 1), 0.875), ((1, 3), 0.625), ((0.5, 1.5), 0.625), ((10, 1), 0.954545)]
)
def test_several_checks_are_counted_by_their_weights(tmp_path: Path, weights: tuple[float, float], score: float) -> None:
    weighted = [Check(name="whole", run="x", weight=weights[0]), Check(name="half", run="x", weight=weights[1], rerun=False)]
    verdict = verdict_on(weighted, tmp_path, ends(whole=(0, ""), half=(0, HALF)))
    assert (verdict.score, verdict.passed, list(verdict.findings)) == (score, False, ["half: half"])


@pytest.mark.parametrize(
    ("code", "line", "score", "passed"),
    [
        (0, "", 1.0, True),
        (1, "", 0.0, False),
        (0, '{"type": "score", "score": 1}', 1.0, True),
        (1, '{"type": "score", "score": 1}', 1.0, False),
        (0, '{"type": "score", "score": 0.999999}', 0.999999, False),
        (0, '{"type": "score", "score": 1.1}', 0.0, False),
        (0, '{"type": "score", "score": -0.1}', 0.0, False),
        (0, '{"type": "score", "score": true}', 0.0, False),
        (0, '{"type": "other", "score": 0}', 1.0, True),
    ],
)
def test_a_check_passes_only_with_exit_code_0_and_a_full_score(
    tmp_path: Path, code: int, line: str, score: float, passed: bool
) -> None:
    verdict = verdict_on([Check(name="a", run="x", rerun=False)], tmp_path, ends(a=(code, line)))
    assert (verdict.score, verdict.passed) == (score, passed)


@pytest.mark.parametrize("cause", ["wall_timeout", "idle_timeout", "killed", "start_failed"])
def test_a_check_that_did_not_finish_fails_whatever_it_wrote(tmp_path: Path, cause: str) -> None:
    def run(check: Check, on_line: Callable[[str, str], None]) -> Ended:
        (tmp_path / "j.xml").write_text(f"<testsuite>{PASSED}</testsuite>")
        return Ended(cause=cause, exit_code=0, seconds=3)  # type: ignore[arg-type]

    verdict = verdict_on([Check(name="a", run="x", junit="j.xml")], tmp_path, run)
    assert (verdict.score, verdict.passed, len(verdict.findings)) == (0.0, False, 1)


def test_a_report_from_before_the_check_is_not_evidence(tmp_path: Path) -> None:
    (tmp_path / "j.xml").write_text(f"<testsuite>{PASSED}</testsuite>")
    verdict = verdict_on([Check(name="a", run="x", junit="j.xml")], tmp_path, ends(a=(0, "")))
    assert (verdict.score, list(verdict.findings)) == (0.0, ["a: no JUnit file was written to j.xml"])
