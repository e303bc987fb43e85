"""The evidence of one check on one tree. Of a check that ran twice, what differs between its runs is flaky. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

MAX_LISTED = 2000
NOT_A_VERDICT = ("wall_timeout", "idle_timeout", "killed", "stopped", "supervisor_lost")
"""Causes of an end that say something about the machine or a person, not about the tree."""


@dataclass(frozen=True)
class Cases:
    """The test cases of a report, by name. `failed`: with the first line of each message. `flaky`: passed in one run and failed in another."""

    passed: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    flaky: frozenset[str] = frozenset()

    @property
    def any(self) -> bool:
        return bool(self.passed or self.failed or self.skipped or self.flaky)

    @property
    def good(self) -> frozenset[str]:
        """The cases that passed in at least one run."""
        return self.passed | self.flaky

    @property
    def names(self) -> frozenset[str]:
        """All cases, whatever became of them."""
        return self.good | frozenset(self.failed) | self.skipped


@dataclass(frozen=True)
class CheckRun:
    """The result of one check on one tree. `scored_by`: what its score was read from. `cases`: None without a readable report. `hint`: how the
    check would say more."""

    name: str
    command: str
    exit_code: int | None
    cause: str = "exited"
    score: float = 0.0
    scored_by: Literal["exit", "score", "junit"] = "exit"
    weight: float = 1.0
    seconds: float = 0.0
    tail: str = ""
    findings: tuple[str, ...] = ()
    cases: Cases | None = None
    flaky: bool = False
    first_failure: tuple[str, ...] = ()
    scope: str = "auto"
    hint: str = ""

    @property
    def is_green(self) -> bool:
        """True if it exited with 0, and its report or score line agrees."""
        return self.exit_code == 0 and self.cause == "exited" and self.score >= 1

    @property
    def is_evidence(self) -> bool:
        """True if this is evidence about the tree. A program that is not there is evidence too: the tree may not contain it yet."""
        return self.cause in ("exited", "start_failed")

    def as_json(self) -> dict[str, Any]:
        """The evidence as rounds keep and pages show it; long lists are cut."""
        shown: dict[str, Any] = {
            "name": self.name,
            "command": self.command,
            "passed": self.is_green,
            "score": round(self.score, 6),
            "weight": self.weight,
            "exit_code": self.exit_code,
            "cause": self.cause,
            "seconds": round(self.seconds, 3),
            "findings": list(self.findings),
            "tail": self.tail,
            "scored_by": self.scored_by,
        }
        if self.cases is not None and self.cases.any:
            shown["cases"] = {
                "passing": len(self.cases.good),
                "failing": sorted(self.cases.failed)[:MAX_LISTED],
                "passed": sorted(self.cases.good)[:MAX_LISTED],
                "skipped": len(self.cases.skipped),
            }
            shown["raw_failing"] = len(self.cases.failed)
        if self.hint:
            shown["note"] = self.hint
        if self.flaky:
            shown |= {
                "flaky": True,
                "note": _flaky_note(self.cases),
                "first_failure": list(self.first_failure[:5]),
            }
        return shown


def merged(first: CheckRun, second: CheckRun) -> CheckRun:
    """The evidence of a check that ran twice on the same tree: a case that passed in either run did not fail."""
    seconds = first.seconds + second.seconds
    if first.cases is None or second.cases is None or not (first.cases.any and second.cases.any):
        better = second if second.is_green or second.score > first.score else first
        differs = first.is_green != second.is_green
        return replace(better, seconds=seconds, flaky=differs, first_failure=first.findings if differs else ())
    cases = _merged_cases(first.cases, second.cases)
    ran = len(cases.good) + len(cases.failed)
    findings = tuple(f"{name}: {message}" for name, message in sorted(cases.failed.items())[:20])
    is_excused = not cases.failed and bool(cases.flaky)  # each failure of either run passed in the other
    return replace(
        second,
        exit_code=0 if is_excused or 0 in (first.exit_code, second.exit_code) else second.exit_code,
        score=len(cases.good) / ran if ran else 0.0,
        cases=cases,
        findings=findings or (() if is_excused or second.is_green else second.findings),
        seconds=seconds,
        flaky=bool(cases.flaky),
        first_failure=first.findings if cases.flaky else (),
    )


def _merged_cases(first: Cases, second: Cases) -> Cases:
    good = first.passed | second.passed
    failed = {name: text for name, text in {**first.failed, **second.failed}.items() if name not in good}
    flaky = frozenset(name for name in good if name in first.failed or name in second.failed) | first.flaky | second.flaky
    skipped = (first.skipped | second.skipped) - good - frozenset(failed)
    return Cases(passed=good - flaky, failed=failed, skipped=skipped, flaky=flaky)


def _flaky_note(cases: Cases | None) -> str:
    if cases is None or not cases.flaky:
        return "flaky: it failed, and passed when it was run again"
    names = ", ".join(sorted(cases.flaky)[:3])
    more = f" and {len(cases.flaky) - 3} more" if len(cases.flaky) > 3 else ""
    return f"flaky: failed in one run and passed in the other: {names}{more}"
