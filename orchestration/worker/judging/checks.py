"""Runs the verify commands in a clean checkout of a commit, and reads their evidence: JUnit report, score line or exit code."""

import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from orchestration.configuration import Check
from orchestration.processes.agent_process import Ended
from orchestration.sessions.ending import Verdict
from orchestration.verdicts.comparison import Question, Result, compare
from orchestration.verdicts.evidence import CheckRun, merged
from orchestration.worker.agents.shared.json_values import parse_object
from orchestration.worker.judging import alone, junit

TAIL_LENGTH = 4000
RAN_NOTHING = "pytest cannot import some files and ran no test: with --continue-on-collection-errors it runs the others"
NOT_FOUND = {
    126: "a program of its command cannot be run: correct verify in the config, or make the file executable",
    127: "a program of its command was not found: correct verify in the config, or install the program in setup",
}
"""Exit codes of a shell that cannot start a program: a fault of the checks, most likely, not of the work."""
IN_USE = "an address that it listens on is in use, also while no other check of this command runs on this host: have it take a free port (0)"
OnLine = Callable[[str, str], None]
"""Gets each line of a command's output, without the workspace's secrets, and its stream."""


class CannotJudge(Exception):
    """Nothing can be said of a tree: its setup or a check did not run to its end. The text is a sentence."""


class NotReady(CannotJudge):
    """A service of the stage is not ready, or has ended."""


class Runner(Protocol):
    """Runs commands in a working copy, for a session or for a lander."""

    def staged(self, folder: Path, commit: str, *, is_trusted: bool) -> AbstractContextManager[object]:
        """The stage of what runs in this working copy of a commit. `is_trusted`: only text of the branch runs in it."""

    def set_up(self, checkout: Path, *, anew: bool = False) -> None:
        """The services of the stage, then the workspace's setup commands. `anew`: with fresh data. Raises CannotJudge."""

    def failed_services(self, folder: Path) -> list[str]:
        """A sentence on each that has ended by itself."""

    def run(self, checkout: Path, check: Check, on_line: OnLine) -> Ended:
        """The command of a check."""

    @property
    def has_services(self) -> bool: ...

    def note_wait(self, sentence: str) -> None:
        """Show why nothing runs for a while."""

    def keep(self) -> None:
        """Called often while a check waits for its turn: renews what the caller holds, and raises where it is to stop."""


@dataclass
class _Output:
    """The end of a command's output, and its last score line."""

    tail: str = ""
    score_line: dict[str, Any] | None = None
    lines: int = field(default=0)
    is_in_use: bool = False

    def read_line(self, line: str, stream: str) -> None:
        self.lines += 1
        self.is_in_use = self.is_in_use or alone.reports_in_use(line)
        self.tail = f"{self.tail}{line}\n"[-TAIL_LENGTH:]
        if stream != "stdout":
            return
        payload = parse_object(line)
        if payload is not None and payload.get("type") == "score":
            self.score_line = payload


def judge(
    checks: Sequence[Check], checkout: Path, runner: Runner, base: Mapping[str, CheckRun], question: Question
) -> tuple[list[CheckRun], Result]:
    """Run every check and compare with the base. A check that does not pass runs a second time: what differs is flaky."""
    runs = [_run_once(check, checkout, runner) for check in checks]
    result = compare(runs, base, question)
    failing = {shown["name"] for shown in result.checks if not shown["passed"]}
    if result.passed or not failing:
        return runs, result
    for n, check in enumerate(checks):
        if check.name in failing and check.rerun and runs[n].cause == "exited":
            runs[n] = _run_again(runs[n], check, checkout, runner)
    return runs, compare(runs, base, question)


def observe(checks: Sequence[Check], checkout: Path, runner: Runner) -> list[CheckRun]:
    """Run every check on a base; one that is not green a second time, so that a flaky case counts as no failure."""
    runs = []
    for check in checks:
        first = _run_once(check, checkout, runner)
        again = not first.is_green and check.rerun and first.cause == "exited"
        runs.append(_run_again(first, check, checkout, runner) if again else first)
    return runs


NO_CHECKS = Verdict(
    passed=True, score=1.0, checks=[{"name": "none", "passed": True, "note": "no verify commands are configured"}]
)


def _run_again(first: CheckRun, check: Check, checkout: Path, runner: Runner) -> CheckRun:
    """With fresh data of its services: those that the first run left may be what fails."""
    if runner.has_services:
        runner.set_up(checkout, anew=True)
    return merged(first, _run_once(check, checkout, runner))


def _run_once(check: Check, checkout: Path, runner: Runner) -> CheckRun:
    """A run that found its address in use says nothing of the tree: another one, alone, counts in its place, whatever it says."""
    command = _command(check)
    with alone.with_others(command, runner.keep):
        run, is_in_use = _run(check, checkout, runner)
    if not is_in_use:
        return run
    with alone.without_others(command, runner.keep) as is_alone:
        again, is_in_use = _run(check, checkout, runner) if is_alone else (run, True)
    return replace(again, hint=again.hint or IN_USE) if is_in_use and is_alone else again


def _command(check: Check) -> str:
    return check.run if isinstance(check.run, str) else shlex.join(check.run)


def _run(check: Check, checkout: Path, runner: Runner) -> tuple[CheckRun, bool]:
    """The evidence of one run, and whether it failed for an address in use."""
    report = checkout / check.junit if check.junit else None
    if report is not None:
        _remove_report(report, checkout)
    output = _Output()
    began = time.monotonic()
    ended = runner.run(checkout, check, output.read_line)
    junit_report = junit.read(report, checkout) if report is not None and ended.cause == "exited" else None
    score, problems = _score(ended, output, junit_report)
    run = CheckRun(
        name=check.name,
        command=_command(check),
        exit_code=ended.exit_code,
        cause=ended.cause,
        score=round(score, 6),
        scored_by="junit" if junit_report is not None else "score" if output.score_line is not None else "exit",
        weight=check.weight,
        seconds=time.monotonic() - began,
        tail=output.tail,
        findings=tuple(problems),
        cases=junit_report.cases if junit_report is not None and not junit_report.error else None,
        hint=_hint(ended, junit_report),
    )
    messages = [*problems, *(run.cases.failed.values() if run.cases is not None else ())]
    is_in_use = output.is_in_use or any(map(alone.reports_in_use, messages))
    return run, is_in_use and not run.is_green and run.cause == "exited"


def _hint(ended: Ended, report: junit.Report | None) -> str:
    if report is not None and report.ran_nothing:
        return RAN_NOTHING
    return NOT_FOUND.get(ended.exit_code or 0, NOT_FOUND[127] if ended.cause == "start_failed" else "")


def _remove_report(report: Path, checkout: Path) -> None:
    """Remove a committed report, or whatever else the agent put at its path: it proves nothing. Never touches files outside the checkout."""
    if not report.parent.resolve().is_relative_to(checkout.resolve()):
        return
    if report.is_dir() and not report.is_symlink():
        shutil.rmtree(report)
    else:
        report.unlink(missing_ok=True)


def _score(ended: Ended, output: _Output, report: junit.Report | None) -> tuple[float, list[str]]:
    """The score of one check and its problems: from its JUnit file, its score line, or its exit code, in this order."""
    if ended.cause == "start_failed":
        return 0.0, [f"could not be started: {ended.error}"]
    if ended.cause != "exited":
        why = "" if ended.complete else f": {ended.error}"
        return 0.0, [f"did not finish ({ended.cause.replace('_', ' ')} after {ended.seconds:.0f} s){why}"]
    if report is not None:
        problems = [report.error] if report.error else list(report.failing)
        return report.score, problems or _from_exit_code(ended, output)
    if output.score_line is not None:
        return _from_score_line(output.score_line, ended, output)
    return (1.0 if ended.exit_code == 0 else 0.0), _from_exit_code(ended, output)


def _from_score_line(score_line: dict[str, Any], ended: Ended, output: _Output) -> tuple[float, list[str]]:
    score = score_line.get("score")
    if isinstance(score, bool) or not isinstance(score, (int, Decimal)) or not 0 <= score <= 1:
        return 0.0, [f"its score line does not hold a number from 0 to 1: {str(score)[:100]}"]
    findings = score_line.get("findings")
    problems = [str(item)[:500] for item in findings][:50] if isinstance(findings, list) else []
    return float(score), problems or ([] if score == 1 else _from_exit_code(ended, output) or [f"scored {float(score):g}"])


def _from_exit_code(ended: Ended, output: _Output) -> list[str]:
    if ended.exit_code == 0:
        return []
    summary = f"ended by signal {ended.signal}" if ended.signal else f"exited with {ended.exit_code}"
    last = output.tail.strip().split("\n")[-15:]
    return [f"{summary}. Last output:\n" + "\n".join(last)]
