"""The comparison of a tree with the tree it started from: whether it passes, its score and the base's in the same measure. Pure.

`no_regression`: nothing that passed on the base fails or is missing, and the entry's target tests pass. On a base that is not green, without
targets, work is unproven unless at least one case that failed there passes. `all_green`: every check passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestration.verdicts import findings as finding_texts
from orchestration.verdicts import targets as targeting
from orchestration.verdicts.evidence import Cases, CheckRun

Policy = Literal["no_regression", "all_green"]
MAX_SHOWN = 50


@dataclass(frozen=True)
class Question:
    """The requirements on a tree. `targets`: patterns of the tests that must pass. `text`: the entry's text, which may name tests to
    remove. `needs_gain`: on a base that is not green, without targets, something that failed must pass, else it is unproven (a round; at a
    landing the round showed it). `only_regressions`: what was bad on the base may stay bad (commits of people, merges of the base
    branch)."""

    policy: Policy = "no_regression"
    targets: tuple[str, ...] = ()
    text: str = ""
    needs_gain: bool = True
    only_regressions: bool = False


@dataclass(frozen=True)
class Result:
    """`base_score`: of the base, in the measure of `score`. `checks`: the evidence with what was compared. `is_unproven`: it passed, and on a base
    that is not green no case passes by it that failed before."""

    passed: bool
    score: float
    base_score: float
    findings: tuple[str, ...] = ()
    checks: tuple[dict[str, Any], ...] = ()
    is_unproven: bool = False

    @property
    def is_proven(self) -> bool:
        return self.passed and not self.is_unproven


@dataclass
class _Compared:
    """One check, compared. `gained`: cases that failed on the base and pass."""

    run: CheckRun
    passed: bool
    score: float
    base_score: float
    findings: list[str] = field(default_factory=list)
    note: str = ""
    shown: dict[str, list[str]] = field(default_factory=dict)
    base_failing: int | None = None
    gained: frozenset[str] = frozenset()
    turned_green: bool = False


def compare(runs: Sequence[CheckRun], base: Mapping[str, CheckRun], question: Question) -> Result:
    """The verdict on a tree. `base`: each check on the base by name; a check without a base is judged by itself."""
    compared = [_compare(run, base.get(run.name), question) for run in runs]
    general, unproven = _missing_targets(compared, base, question), _no_gain(compared, question)
    passed = all(each.passed for each in compared) and not general
    total = sum(each.run.weight for each in compared) or 1.0
    return Result(
        passed=passed,
        score=round(sum(each.score * each.run.weight for each in compared) / total, 6),
        base_score=round(sum(each.base_score * each.run.weight for each in compared) / total, 6),
        findings=(
            *general,
            *(unproven if passed else ()),
            *(f"{each.run.name}: {text}" for each in compared if not each.passed for text in each.findings),
        ),
        checks=tuple(_shown(each) for each in compared),
        is_unproven=passed and bool(unproven),
    )


def _compare(run: CheckRun, base: CheckRun | None, question: Question) -> _Compared:
    if run.cases is None or not run.cases.any or base is None or base.cases is None or not base.cases.any:
        return _by_itself(run, base, question)
    return _case_by_case(run, run.cases, base, base.cases, question)


def _by_itself(run: CheckRun, base: CheckRun | None, question: Question) -> _Compared:
    """An exit code or a score cannot tell one failure from another: on a red base it must become good."""
    base_score = base.score if base is not None and base.is_evidence else 0.0
    if base is not None and base.cases is not None and base.cases.any:
        findings = [*run.findings, "it reports no cases now, and reported some before"]
        return _Compared(run, False, 0.0, _share_passed(base.cases), findings)
    turned_green = run.is_green and base is not None and not base.is_green
    was_bad = base is not None and not base.is_green and run.cause == "exited" and run.score >= base_score
    passed = run.is_green or (question.only_regressions and was_bad)
    return _Compared(run, passed, run.score, base_score, list(run.findings), turned_green=turned_green)


def _case_by_case(run: CheckRun, now: Cases, base: CheckRun, before: Cases, question: Question) -> _Compared:
    is_base_green = base.is_green
    known = now.names
    missing = frozenset(
        name for name in before.good - now.good if name not in now.failed and not targeting.names_case(question.text, name)
    )
    broken = frozenset(name for name in now.failed if name in before.passed)
    unread = frozenset(before.failed) - known
    targets = _targets(question, known | before.names, now.skipped & before.skipped) - _with_cases(unread, known)
    unmet = sorted(name for name in targets if name not in now.passed and not (name in now.flaky and name in before.good))
    gained = frozenset(name for name in before.failed if name in now.passed) | _with_cases(unread, now.passed)
    all_must_pass = is_base_green or question.policy == "all_green"
    findings = finding_texts.of_cases(now, before, missing=missing, broken=broken, unmet=unmet, all_must_pass=all_must_pass)
    passed = not missing and not broken and not unmet
    if all_must_pass:
        passed = passed and not now.failed and run.exit_code == 0 and run.cause == "exited"
        if not passed and not findings:
            findings += list(run.findings)
    elif not before.failed and not run.is_green and not question.only_regressions:
        passed, findings = False, [*findings, *run.findings]  # nothing to compare: its exit code alone was bad
    if run.cause != "exited":
        passed, findings = False, [*run.findings, *findings]
    score, base_score = _scores(now, before, missing, targets, gained=bool(gained), is_base_green=is_base_green)
    return _Compared(
        run, passed, score, base_score, findings, "",
        {
            "newly_passing": sorted(now.passed - before.good)[:MAX_SHOWN],
            "newly_failing": sorted(broken)[:MAX_SHOWN],
            "gone": sorted(missing)[:MAX_SHOWN],
            **({"targets": sorted(targets)[:MAX_SHOWN]} if targets else {}),
        },
        base_failing=None if is_base_green else len(before.failed),
        gained=gained,
    )  # fmt: skip


def _with_cases(files: frozenset[str], names: frozenset[str]) -> frozenset[str]:
    """The files that have cases among the names. pytest reports a file that it cannot import as one failed case, named after the file."""
    return frozenset(file for file in files if any(name.startswith(f"{file}.") for name in names))


def _targets(question: Question, names: frozenset[str], idle: frozenset[str]) -> frozenset[str]:
    """The cases that the patterns name, without those that are skipped on both sides, unless a pattern names no others."""
    named = [frozenset(targeting.matching(pattern, names)) for pattern in question.targets]
    return frozenset().union(*(cases - idle or cases for cases in named))


def _scores(
    now: Cases, before: Cases, missing: frozenset[str], targets: frozenset[str], *, gained: bool, is_base_green: bool
) -> tuple[float, float]:
    """The share of the relevant cases that pass: the targets; on a red base all that passed plus one for a gain; on a green base all."""
    if targets:
        return _share(targets & now.passed, targets), _share(targets & before.passed, targets)
    if is_base_green:
        ran = now.good | frozenset(now.failed) | missing
        return _share(now.good, ran), 1.0
    kept = before.good - missing - frozenset(now.failed)
    return (len(kept) + gained) / (len(before.good) + 1), len(before.good) / (len(before.good) + 1)


def _share(some: frozenset[str], of: frozenset[str]) -> float:
    return len(some) / len(of) if of else 0.0


def _share_passed(cases: Cases) -> float:
    ran = len(cases.good) + len(cases.failed)
    return len(cases.good) / ran if ran else 0.0


def _missing_targets(compared: Sequence[_Compared], base: Mapping[str, CheckRun], question: Question) -> list[str]:
    """Targets that name no case of any check: nothing shows that they pass."""
    reports = [cases for run in (*(each.run for each in compared), *base.values()) if (cases := run.cases) is not None]
    if not reports:
        return []  # no check names its cases: its exit code is all there is
    names = frozenset().union(*(cases.names for cases in reports))
    return [f"target {pattern}: no test has this name" for pattern in question.targets if not targeting.matching(pattern, names)]


def _no_gain(compared: Sequence[_Compared], question: Question) -> list[str]:
    """The finding `no_gain`, for work without targets on a red base that turns no failing case green: new cases alone are no evidence. Work that turns some
    green gets a note that the evidence is weak."""
    red = [each for each in compared if each.base_failing]
    if question.targets or question.policy == "all_green" or not red:
        return []
    failing, gained = sum(each.base_failing or 0 for each in red), sum(len(each.gained) for each in red)
    if any(each.turned_green for each in compared):
        return []
    if gained:
        verb = "passes" if gained == 1 else "pass"
        text = f"weak evidence: nothing broke, {gained} of {failing} failing cases {verb} now; no target tests were named"
        for each in red:
            each.note = text
        return []
    if not question.needs_gain or any(not each.passed for each in compared):
        return []
    cases = (
        "the case that failed before does not pass" if failing == 1 else f"none of the {failing} cases that failed before passes"
    )
    return [f"no_gain: nothing broke, {cases} now, and the entry names no target tests: it is unproven"]


def _shown(each: _Compared) -> dict[str, Any]:
    shown = each.run.as_json() | {"passed": each.passed, "score": round(each.score, 6), "base_score": round(each.base_score, 6)}
    shown["findings"] = [] if each.passed else each.findings[:MAX_SHOWN]
    if "cases" in shown:
        shown["cases"] = {**shown["cases"], **each.shown}
        if each.base_failing is not None:
            shown["cases"]["base_failing"] = each.base_failing
    if each.note:
        shown["note"] = f"{shown['note']}; {each.note}" if "note" in shown else each.note
    return shown
