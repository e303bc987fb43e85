"""Runs the verify commands in a clean checkout of the round's commit, and scores their evidence by weight."""

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
from orchestration.worker.agents.shared.json_values import parse_object
from orchestration.worker.steps import junit
from orchestration.worker.steps.agent_verdicts import Judgement

TAIL_LENGTH = 4000
MAX_CASES = 2000
MAX_SHOWN = 50
RunCheck = Callable[[Check, Callable[[str, str], None]], Ended]
"""Runs a check's command, giving each line of its output to the callback."""


@dataclass
class _Output:
    """The end of a command's output, and its last score line."""

    tail: str = ""
    score_line: dict[str, Any] | None = None
    lines: int = field(default=0)

    def read_line(self, line: str, stream: str) -> None:
        self.lines += 1
        self.tail = f"{self.tail}{line}\n"[-TAIL_LENGTH:]
        if stream != "stdout":
            return
        payload = parse_object(line)
        if payload is not None and payload.get("type") == "score":
            self.score_line = payload


def verify(checks: Sequence[Check], checkout: Path, run: RunCheck, before: Mapping[str, Cases]) -> Verdict:
    """Run every check. The verdict passes if all checks pass; its score is their weighted mean, from 0 to 1. `before`: each check's cases in
    the round to compare with.
    """
    if not checks:
        return Verdict(
            passed=True, score=1.0, checks=[{"name": "none", "passed": True, "note": "no verify commands are configured"}]
        )
    evidence = [_check(check, checkout, run, before.get(check.name)) for check in checks]
    return _verdict(evidence)


def with_agent_verdict(verdict: Verdict, judged: Judgement, weight: float) -> Verdict:
    """The verdict of the commands and the verifying agent together."""
    agent_verdict = judged.verdict
    evidence = {
        "name": "acceptance criteria",
        "agent": judged.agent.kind,
        "passed": agent_verdict.passed,
        "score": round(agent_verdict.score, 6),
        "weight": weight,
        "seconds": round(judged.seconds, 3),
        "findings": agent_verdict.reasons,
        "tail": judged.text,
        "prompt": judged.prompt,
    }
    return _verdict([*(check_evidence for check_evidence in verdict.checks if check_evidence["name"] != "none"), evidence])


def _verdict(evidence: list[dict[str, Any]]) -> Verdict:
    weight = sum(check_evidence["weight"] for check_evidence in evidence)
    return Verdict(
        passed=all(check_evidence["passed"] for check_evidence in evidence),
        score=round(sum(check_evidence["score"] * check_evidence["weight"] for check_evidence in evidence) / weight, 6),
        findings=[
            f"{check_evidence['name']}: {problem}"
            for check_evidence in evidence
            if not check_evidence["passed"]
            for problem in check_evidence["findings"]
        ],
        checks=evidence,
    )


def _check(check: Check, checkout: Path, run: RunCheck, before: Cases | None) -> dict[str, Any]:
    """The evidence of one check. A failing check runs a second time: if it passes then, it passes and is marked as flaky."""
    first = _run_once(check, checkout, run)
    if first["passed"] or not check.rerun or first["cause"] != "exited":
        return _with_comparison(first, before)
    second = _run_once(check, checkout, run)
    if not second["passed"]:
        return _with_comparison(first, before)
    note = "flaky: it failed, and passed when it was run again"
    return _with_comparison(second, before) | {"flaky": True, "note": note, "first_failure": first["findings"][:5]}


def _run_once(check: Check, checkout: Path, run: RunCheck) -> dict[str, Any]:
    report = checkout / check.junit if check.junit else None
    if report is not None:
        _remove_report(report, checkout)
    output = _Output()
    began = time.monotonic()
    ended = run(check, output.read_line)
    junit_report = junit.read(report) if report is not None and ended.cause == "exited" else None
    score, problems = _score(ended, output, junit_report)
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
        **({"cases": _cases(junit_report)} if junit_report is not None and junit_report.cases else {}),
    }


def _remove_report(report: Path, checkout: Path) -> None:
    """Remove a committed report, or whatever else the agent put at its path: it proves nothing. Never touches files outside the checkout."""
    if not report.parent.resolve().is_relative_to(checkout.resolve()):
        return
    if report.is_dir() and not report.is_symlink():
        shutil.rmtree(report)
    else:
        report.unlink(missing_ok=True)


def _cases(report: junit.Report) -> dict[str, Any]:
    passing = sorted(name for name, ok in report.cases.items() if ok)
    failing = sorted(name for name, ok in report.cases.items() if not ok)
    return {"passing": len(passing), "failing": failing[:MAX_CASES], "passed": passing[:MAX_CASES]}


def _with_comparison(evidence: dict[str, Any], before: Cases | None) -> dict[str, Any]:
    """Add the cases that newly pass, newly fail, or are missing since the earlier round."""
    cases = evidence.get("cases")
    if not cases or before is None:
        return evidence
    cases["newly_passing"] = [name for name in cases["passed"] if name not in before.passed][:MAX_SHOWN]
    cases["newly_failing"] = [name for name in cases["failing"] if name in before.passed][:MAX_SHOWN]
    cases["gone"] = sorted(before.passed - set(cases["passed"]) - set(cases["failing"]))[:MAX_SHOWN]
    return evidence


def _score(ended: Ended, output: _Output, report: junit.Report | None) -> tuple[float, list[str]]:
    """The score of one check and its problems: from its JUnit file, its score line, or its exit code, in this order."""
    if ended.cause == "start_failed":
        return 0.0, [f"could not be started: {ended.error}"]
    if ended.cause != "exited":
        return 0.0, [f"did not finish ({ended.cause.replace('_', ' ')} after {ended.seconds:.0f} s)"]
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
