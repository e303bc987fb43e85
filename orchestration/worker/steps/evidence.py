"""Verification: weighted commands in a clean checkout of the round's commit, and a score from real evidence."""

import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestration.configuration import Check
from orchestration.processes.agent_process import Ended
from orchestration.sessions.rounds import Cases, Verdict
from orchestration.worker.agents.shared.reading import parsed
from orchestration.worker.steps import junit
from orchestration.worker.steps.judgement import Judgement

TAIL = 4000
MOST_CASES = 2000
MOST_SHOWN = 50
Run = Callable[[Check, Callable[[str, str], None]], Ended]
"""Runs a check's command, giving each line of its output to the callback."""


@dataclass
class _Output:
    """The end of what a command said, and the last score line in it."""

    tail: str = ""
    told: dict[str, Any] | None = None
    lines: int = field(default=0)

    def hear(self, line: str, stream: str) -> None:
        self.lines += 1
        self.tail = f"{self.tail}{line}\n"[-TAIL:]
        if stream != "stdout":
            return
        told = parsed(line)
        if told is not None and told.get("type") == "score":
            self.told = told


def verify(checks: Sequence[Check], checkout: Path, run: Run, before: Mapping[str, Cases]) -> Verdict:
    """Run every check. Passed: all of them did. The score is their mean by weight, from 0 to 1. `before`: what each check's cases
    were in the round to compare with.
    """
    if not checks:
        return Verdict(
            passed=True, score=1.0, checks=[{"name": "none", "passed": True, "note": "no verify commands are configured"}]
        )
    evidence = [_check(check, checkout, run, before.get(check.name)) for check in checks]
    return _verdict(evidence)


def with_agent(verdict: Verdict, judged: Judgement, weight: float) -> Verdict:
    """The verdict with the verifying agent's beside the commands'."""
    answer = judged.answer
    evidence = {
        "name": "acceptance criteria",
        "agent": judged.agent.kind,
        "passed": answer.passed,
        "score": round(answer.score, 6),
        "weight": weight,
        "seconds": round(judged.seconds, 3),
        "findings": answer.reasons,
        "tail": judged.text,
        "prompt": judged.prompt,
    }
    return _verdict([*(one for one in verdict.checks if one["name"] != "none"), evidence])


def _verdict(evidence: list[dict[str, Any]]) -> Verdict:
    weight = sum(one["weight"] for one in evidence)
    return Verdict(
        passed=all(one["passed"] for one in evidence),
        score=round(sum(one["score"] * one["weight"] for one in evidence) / weight, 6),
        findings=[f"{one['name']}: {problem}" for one in evidence if not one["passed"] for problem in one["findings"]],
        checks=evidence,
    )


def _check(check: Check, checkout: Path, run: Run, before: Cases | None) -> dict[str, Any]:
    """The evidence of one check. One that fails is run once more: if it passes then, it is flaky, and says so."""
    first = _once(check, checkout, run)
    if first["passed"] or not check.rerun or first["cause"] != "exited":
        return _compared(first, before)
    second = _once(check, checkout, run)
    if not second["passed"]:
        return _compared(first, before)
    note = "flaky: it failed, and passed when it was run once more"
    return _compared(second, before) | {"flaky": True, "note": note, "first_failure": first["findings"][:5]}


def _once(check: Check, checkout: Path, run: Run) -> dict[str, Any]:
    report = checkout / check.junit if check.junit else None
    if report is not None:
        _clear(report, checkout)
    output = _Output()
    began = time.monotonic()
    ended = run(check, output.hear)
    found = junit.read(report) if report is not None and ended.cause == "exited" else None
    score, problems = _judge(ended, output, found)
    return {
        "name": check.name,
        "command": check.run if isinstance(check.run, str) else shlex.join(check.run),
        "passed": ended.exit_code == 0 and ended.cause == "exited" and score >= 1,
        "score": round(score, 6),
        "weight": check.weight,
        "exit_code": ended.exit_code,
        "cause": ended.cause,
        "seconds": round(time.monotonic() - began, 3),
        "findings": problems,
        "tail": output.tail,
        **({"cases": _cases(found)} if found is not None and found.cases else {}),
    }


def _clear(report: Path, checkout: Path) -> None:
    """A report that was committed proves nothing. Whatever is there instead is the agent's too, but nothing outside of the checkout."""
    if not report.parent.resolve().is_relative_to(checkout.resolve()):
        return
    if report.is_dir() and not report.is_symlink():
        shutil.rmtree(report)
    else:
        report.unlink(missing_ok=True)


def _cases(report: junit.Report) -> dict[str, Any]:
    passing = sorted(name for name, ok in report.cases.items() if ok)
    failing = sorted(name for name, ok in report.cases.items() if not ok)
    return {"passing": len(passing), "failing": failing[:MOST_CASES], "passed": passing[:MOST_CASES]}


def _compared(evidence: dict[str, Any], before: Cases | None) -> dict[str, Any]:
    """Which cases pass that failed or were not there, and which fail that passed."""
    cases = evidence.get("cases")
    if not cases or before is None:
        return evidence
    cases["newly_passing"] = [name for name in cases["passed"] if name not in before.passed][:MOST_SHOWN]
    cases["newly_failing"] = [name for name in cases["failing"] if name in before.passed][:MOST_SHOWN]
    cases["gone"] = sorted(before.passed - set(cases["passed"]) - set(cases["failing"]))[:MOST_SHOWN]
    return evidence


def _judge(ended: Ended, output: _Output, report: junit.Report | None) -> tuple[float, list[str]]:
    """The score of one check and what is wrong: from its JUnit file, its score line, or its exit code, in this order."""
    if ended.cause == "start_failed":
        return 0.0, [f"could not be started: {ended.error}"]
    if ended.cause != "exited":
        return 0.0, [f"did not finish ({ended.cause.replace('_', ' ')} after {ended.seconds:.0f} s)"]
    if report is not None:
        problems = [report.error] if report.error else list(report.failing)
        return report.score, problems or _by_exit(ended, output)
    if output.told is not None:
        return _told(output.told, ended, output)
    return (1.0 if ended.exit_code == 0 else 0.0), _by_exit(ended, output)


def _told(told: dict[str, Any], ended: Ended, output: _Output) -> tuple[float, list[str]]:
    score = told.get("score")
    if isinstance(score, bool) or not isinstance(score, (int, Decimal)) or not 0 <= score <= 1:
        return 0.0, [f"its score line does not hold a number from 0 to 1: {str(score)[:100]}"]
    listed = told.get("findings")
    problems = [str(item)[:500] for item in listed][:50] if isinstance(listed, list) else []
    return float(score), problems or ([] if score == 1 else _by_exit(ended, output) or [f"scored {float(score):g}"])


def _by_exit(ended: Ended, output: _Output) -> list[str]:
    if ended.exit_code == 0:
        return []
    how = f"ended by signal {ended.signal}" if ended.signal else f"exited with {ended.exit_code}"
    last = output.tail.strip().split("\n")[-15:]
    return [f"{how}. Last output:\n" + "\n".join(last)]
