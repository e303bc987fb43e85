"""A tree passes by comparison with its base: each rule by itself."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from orchestration.verdicts.comparison import MAX_SHOWN, Question, Result, compare
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
        (GREEN, report("a b c", "d", exit_code=0), False, 3 / 4, 1.0),
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
        (report(skipped="a"), report(""), False, 0.0, 0.0),
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
    skipped = judged(base, report("t.a.one t.a.two", skipped="t.a.other_python t.a.later"), targets=("t.a.later",))
    assert (skipped.passed, skipped.findings) == (False, ("tests: target t.a.later: it did not run",))


def test_a_case_that_the_entry_names_may_be_removed() -> None:
    base, now = report("tests.test_a.test_kept tests.test_a.test_obsolete"), report("tests.test_a.test_kept")
    assert not judged(base, now).passed
    assert judged(base, now, text="Remove test_obsolete, nobody needs it").passed


def test_a_target_may_not_be_removed_although_its_entry_names_it() -> None:
    base = report("tests.test_a.test_kept tests.test_a.test_target")
    result = judged(base, report("tests.test_a.test_kept"), text="Make test_target pass", targets=("test_target",))
    assert (result.passed, result.findings) == (False, ("tests: target tests.test_a.test_target: it did not run",))


def test_a_case_that_disappears_is_named_and_what_failed_before_is_no_cause_of_it() -> None:
    assert judged(GREEN, report("a b")).findings == ("tests: c is gone or skipped, and passed before",)
    assert judged(RED, report("a", "old1 old2")).findings == ("tests: b is gone or skipped, and passed before",)
    assert judged(GREEN, report("")).findings == ("tests: it reports no cases now, and reported some before",)


def test_without_a_cause_twenty_cases_that_disappeared_are_named() -> None:
    cases = [f"case{n:02}" for n in range(30)]
    findings = judged(report(" ".join(cases)), report("other")).findings
    assert findings[19] == "tests: case19 is gone or skipped, and passed before"
    assert findings[20:] == ("tests: 10 more that passed before are gone or skipped",)


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
    assert "2 of 2 failing cases pass now" in judged(RED, report("a b old1 old2")).checks[0]["note"]
    assert "note" not in judged(RED, report("a b old1", "old2"), targets=("old1",)).checks[0]


def test_the_evidence_names_what_changed_and_how_many_cases_failed_on_the_base() -> None:
    [check] = judged(RED, report("a old1 new", "b old2"), targets=("old*",)).checks
    shown = {name: check["cases"][name] for name in ("newly_passing", "newly_failing", "gone", "targets", "base_failing")}
    assert shown == {
        "newly_passing": ["new", "old1"], "newly_failing": ["b"], "gone": [], "targets": ["old1", "old2"], "base_failing": 2,
    }  # fmt: skip
    [check] = judged(GREEN, report("a b d")).checks
    assert check["cases"]["gone"] == ["c"] and not {"targets", "base_failing"} & check["cases"].keys()


def test_the_evidence_names_only_the_first_of_many_cases() -> None:
    many = " ".join(f"case{n}" for n in range(MAX_SHOWN + 1))
    for name, base, now in (
        ("newly_passing", "a", report(f"a {many}")), ("newly_failing", f"a {many}", report("a", many)), ("gone", f"a {many}", report("a")),
    ):  # fmt: skip
        [check] = judged(report(base), now).checks
        assert len(check["cases"][name]) == MAX_SHOWN and len(check["findings"]) <= MAX_SHOWN


def test_new_cases_alone_are_no_evidence_on_a_red_base_and_the_work_is_unproven() -> None:
    result = judged(RED, report("a b new", "old1 old2"))
    assert (result.passed, result.is_unproven) == (True, True)
    [finding] = result.findings
    assert finding.startswith("no_gain: nothing broke, none of the 2 cases that failed before passes now")


def test_work_that_breaks_a_case_or_misses_its_targets_is_wrong_and_not_unproven() -> None:
    for result in (judged(RED, report("a", "b old1 old2")), judged(RED, report("a b", "old1 old2"), targets=("old1",))):
        assert (result.passed, result.is_unproven) == (False, False)


def test_at_a_landing_the_gain_was_shown_by_the_round() -> None:
    assert judged(RED, report("a b", "old1 old2"), needs_gain=False).is_proven


def test_a_gain_in_one_check_is_enough_for_all() -> None:
    base = [report("a", "old", name="one"), report("b", "old", name="two")]
    assert judged(base, [report("a old", name="one"), report("b", "old", name="two")]).is_proven
    assert judged([*base, exits(1, name="three")], [*base, exits(0, name="three")]).is_proven
    assert judged([*base, exits(0, name="three")], [*base, exits(0, name="three")]).is_unproven


def test_the_score_is_the_checks_by_their_weights_and_without_a_check_nothing() -> None:
    light, heavy = replace(exits(1, name="one"), weight=1.0), replace(exits(0, name="two"), weight=3.0)
    assert judged([], [light, heavy]).score == 0.75 and judged([light, heavy], [light, heavy]).base_score == 0.75
    assert (judged([], []).passed, judged([], []).score) == (True, 0.0)


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
