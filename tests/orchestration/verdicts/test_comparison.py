"""Whether a tree passes, compared with its base: each rule by itself."""

from collections.abc import Iterable

import pytest

from orchestration.verdicts.comparison import Question, Result, compare
from orchestration.verdicts.evidence import Cases, CheckRun


def report(
    passed: str = "", failed: str = "", skipped: str = "", flaky: str = "", *, exit_code: int | None = None, name: str = "tests"
) -> CheckRun:
    """A check with these cases, each a letter or word."""
    cases = Cases(
        frozenset(passed.split()), dict.fromkeys(failed.split(), "no"), frozenset(skipped.split()), frozenset(flaky.split())
    )
    ran = len(cases.good) + len(cases.failed)
    return CheckRun(
        name=name,
        command="x",
        exit_code=(1 if failed else 0) if exit_code is None else exit_code,
        score=len(cases.good) / ran if ran else 0.0,
        scored_by="junit",
        cases=cases,
        findings=("exited with 1",) if failed or exit_code else (),
    )


def exits(code: int, *, name: str = "tests", score: float | None = None) -> CheckRun:
    own = float(code == 0) if score is None else score
    return CheckRun(name=name, command="x", exit_code=code, score=own, findings=("exited",) if code else ())


def judged(base: CheckRun | Iterable[CheckRun], now: CheckRun | Iterable[CheckRun], **question: object) -> Result:
    bases = [base] if isinstance(base, CheckRun) else list(base)
    runs = [now] if isinstance(now, CheckRun) else list(now)
    return compare(runs, {run.name: run for run in bases}, Question(**question))  # type: ignore[arg-type]


GREEN, RED = report("a b c"), report("a b", "old1 old2")


@pytest.mark.parametrize(
    ("base", "now", "passed", "score", "base_score"),
    [
        (GREEN, report("a b c"), True, 1.0, 1.0),
        (GREEN, report("a b c d"), True, 1.0, 1.0),
        (GREEN, report("a b", "c"), False, 2 / 3, 1.0),
        (GREEN, report("a b c", "d"), False, 3 / 4, 1.0),
        (GREEN, report("a b"), False, 2 / 3, 1.0),
        (GREEN, report("a b", skipped="c"), False, 2 / 3, 1.0),
        (GREEN, report("a b c", exit_code=1), False, 1.0, 1.0),
        (GREEN, report("a b", flaky="c"), True, 1.0, 1.0),
        (RED, report("a b", "old1 old2"), False, 2 / 3, 2 / 3),
        (RED, report("a b old1", "old2"), True, 1.0, 2 / 3),
        (RED, report("a b new", "old1 old2"), False, 2 / 3, 2 / 3),
        (RED, report("a old1", "old2 b"), False, 2 / 3, 2 / 3),
        (RED, report("b old1 old2"), False, 2 / 3, 2 / 3),
        (RED, report("a b", "old2", flaky="old1"), False, 2 / 3, 2 / 3),
        (RED, report("a old1", "old2", flaky="b"), True, 1.0, 2 / 3),
        (report("a", "old", flaky="b"), report("a old", "b"), True, 2 / 3, 2 / 3),
        (report(""), report("a"), True, 1.0, 0.0),
        (report(""), report("a", "b"), False, 0.5, 0.0),
        (GREEN, report(""), False, 0.0, 1.0),
        (exits(1), exits(0), True, 1.0, 0.0),
        (exits(1), exits(1), False, 0.0, 0.0),
        (exits(0), exits(0), True, 1.0, 1.0),
        (exits(1, score=0.5), exits(1, score=0.75), False, 0.75, 0.5),
        (exits(1, score=0.5), exits(0, score=1.0), True, 1.0, 0.5),
    ],
)
def test_without_targets_work_is_compared_case_by_case(
    base: CheckRun, now: CheckRun, passed: bool, score: float, base_score: float
) -> None:
    result = judged(base, now)
    assert (result.is_proven, result.score, result.base_score) == (passed, round(score, 6), round(base_score, 6))
    assert result.is_proven or result.findings


@pytest.mark.parametrize(
    ("base", "now", "targets", "passed", "score", "base_score"),
    [
        (RED, report("a b old1", "old2"), ["old1"], True, 1.0, 0.0),
        (RED, report("a b old1", "old2"), ["old1", "old2"], False, 0.5, 0.0),
        (RED, report("a b old2", "old1"), ["old1"], False, 0.0, 0.0),
        (RED, report("a old1", "old2 b"), ["old1"], False, 1.0, 0.0),
        (RED, report("a b new", "old1 old2"), ["new"], True, 1.0, 0.0),
        (RED, report("a b old1 old2"), ["missing"], False, 1.0, 2 / 3),
        (RED, report("a b", "old2", flaky="old1"), ["old1"], False, 0.0, 0.0),
        (GREEN, report("a b c d"), ["d"], True, 1.0, 0.0),
        (GREEN, report("a b c d", "e"), ["d"], False, 1.0, 0.0),
        (RED, report("a b old1 old2"), ["old*"], True, 1.0, 0.0),
    ],
)
def test_the_targets_of_an_entry_must_pass_and_are_its_score(
    base: CheckRun, now: CheckRun, targets: list[str], passed: bool, score: float, base_score: float
) -> None:
    result = judged(base, now, targets=tuple(targets))
    assert (result.passed, result.score, result.base_score) == (passed, round(score, 6), round(base_score, 6))


def test_a_target_file_does_not_wait_for_what_was_always_skipped() -> None:
    base = report("t.a.one", "t.a.two", skipped="t.a.other_python t.a.later")
    assert judged(base, report("t.a.one t.a.two", skipped="t.a.other_python t.a.later"), targets=("t/a.py",)).passed
    assert not judged(base, report("t.a.one", skipped="t.a.two t.a.other_python t.a.later"), targets=("t/a.py",)).passed
    assert not judged(base, report("t.a.one t.a.two", skipped="t.a.other_python t.a.later"), targets=("t.a.later",)).passed


def test_a_case_that_the_entry_names_may_be_removed() -> None:
    base, now = report("tests.test_a.test_kept tests.test_a.test_obsolete"), report("tests.test_a.test_kept")
    assert not judged(base, now).passed
    assert judged(base, now, text="Remove test_obsolete, nobody needs it").passed


def test_a_case_that_disappears_is_named() -> None:
    assert judged(GREEN, report("a b")).findings == ("tests: c is gone or skipped, and passed before",)


def test_what_ended_the_run_is_named_before_the_cases_that_are_missing_for_it() -> None:
    now = report(failed="tests.test_new", exit_code=2)
    for base in (report(" ".join(f"case{n}" for n in range(30))), report(" ".join(f"case{n}" for n in range(30)), "old")):
        findings = judged(base, now).findings
        assert findings[0] == "tests: tests.test_new: no"
        assert findings[-1] == "tests: 27 more that passed before are gone or skipped" and len(findings) == 5
        assert judged(base, now, targets=("case*",)).findings[0] == findings[0]


def test_a_file_that_could_not_be_imported_is_a_gain_when_its_cases_pass() -> None:
    base, now = report("a", "tests.test_new old"), report("a tests.test_new.test_it", "old")
    assert judged(base, now).passed and judged(base, now).score == 1
    assert judged(base, now, targets=("tests/test_new.py",)).passed
    assert not judged(base, report("a", "old")).is_proven


def test_with_all_green_every_check_must_pass_whatever_the_base_was() -> None:
    assert not judged(RED, report("a b old1", "old2"), policy="all_green").passed
    assert judged(RED, report("a b old1 old2"), policy="all_green").passed


def test_weak_evidence_is_named_as_such() -> None:
    note = judged(RED, report("a b old1", "old2")).checks[0]["note"]
    assert note == "weak evidence: nothing broke, 1 of 2 failing cases passes now; no target tests were named"
    assert "note" not in judged(RED, report("a b old1", "old2"), targets=("old1",)).checks[0]


def test_new_cases_alone_are_no_evidence_on_a_red_base_and_the_work_is_unproven() -> None:
    result = judged(RED, report("a b new", "old1 old2"))
    assert (result.passed, result.is_unproven) == (True, True)
    [finding] = result.findings
    assert finding.startswith("no_gain: nothing broke, none of the 2 cases that failed before passes now")


def test_work_that_breaks_a_case_or_misses_its_targets_is_wrong_and_not_unproven() -> None:
    for result in (judged(RED, report("a", "b old1 old2")), judged(RED, report("a b", "old1 old2"), targets=("old1",))):
        assert (result.passed, result.is_unproven) == (False, False)


def test_at_a_landing_the_gain_was_shown_by_the_round() -> None:
    assert judged(RED, report("a b", "old1 old2"), needs_gain=False).passed


def test_a_gain_in_one_check_is_enough_for_all() -> None:
    base = [report("a", "old", name="one"), report("b", "old", name="two")]
    assert judged(base, [report("a old", name="one"), report("b", "old", name="two")]).passed
    assert judged([*base, exits(1, name="three")], [*base, exits(0, name="three")]).passed


def test_a_check_that_did_not_exist_on_the_base_is_judged_by_itself() -> None:
    assert judged([], report("a")).passed
    assert not judged([], report("a", "b")).passed


def test_a_check_that_was_ended_never_passes() -> None:
    now = CheckRun(name="tests", command="x", exit_code=None, cause="wall_timeout", findings=("did not finish",))
    assert not judged(GREEN, now).passed


def test_commits_of_people_must_only_break_nothing() -> None:
    assert judged(exits(2), exits(1), only_regressions=True).passed
    assert not judged(exits(0), exits(1), only_regressions=True).passed
    assert not judged(exits(1, score=0.5), exits(1, score=0.25), only_regressions=True).passed
    assert judged(RED, report("a b", "old1 old2"), needs_gain=False, only_regressions=True).passed
    assert not judged(RED, report("a", "old1 old2 b"), needs_gain=False, only_regressions=True).passed
