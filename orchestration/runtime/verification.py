"""Verification: weighted commands in a clean checkout of the round's commit, and a score from real evidence."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestration.configuration import Check
from orchestration.rounds import Verdict
from orchestration.runtime import junit
from orchestration.runtime.processes import Ended

TAIL = 4000
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
        if line.startswith("{"):
            try:
                told = json.loads(line, parse_float=Decimal)
            except ValueError:
                return
            if isinstance(told, dict) and told.get("type") == "score":
                self.told = told


def verify(checks: Sequence[Check], checkout: Path, run: Run) -> Verdict:
    """Run every check. Passed: all of them did. The score is their mean by weight, from 0 to 1."""
    if not checks:
        return Verdict(
            passed=True, score=1.0, checks=[{"name": "none", "passed": True, "note": "no verify commands are configured"}]
        )
    evidence, findings, total, weight = [], [], 0.0, 0.0
    for check in checks:
        report = checkout / check.junit if check.junit else None
        if report is not None:
            report.unlink(missing_ok=True)  # one that was committed proves nothing
        output = _Output()
        began = time.monotonic()
        ended = run(check, output.hear)
        score, problems = _judge(check, ended, output, report)
        passed = ended.exit_code == 0 and ended.cause == "exited" and score >= 1
        evidence.append(
            {
                "name": check.name,
                "passed": passed,
                "score": round(score, 6),
                "weight": check.weight,
                "exit_code": ended.exit_code,
                "cause": ended.cause,
                "seconds": round(time.monotonic() - began, 3),
                "findings": problems,
                "tail": output.tail,
            }
        )
        findings += [] if passed else [f"{check.name}: {problem}" for problem in problems]
        total += score * check.weight
        weight += check.weight
    return Verdict(
        passed=all(item["passed"] for item in evidence),
        score=round(total / weight, 6),
        findings=findings,
        checks=evidence,
    )


def _judge(check: Check, ended: Ended, output: _Output, report: Path | None) -> tuple[float, list[str]]:
    """The score of one check and what is wrong: from its JUnit file, its score line, or its exit code, in this order."""
    if ended.cause == "start_failed":
        return 0.0, [f"could not be started: {ended.error}"]
    if ended.cause != "exited":
        return 0.0, [f"did not finish ({ended.cause.replace('_', ' ')} after {ended.seconds:.0f} s)"]
    if report is not None:
        found = junit.read(report)
        problems = [found.error] if found.error else list(found.failing)
        return found.score, problems or _by_exit(ended, output)
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
