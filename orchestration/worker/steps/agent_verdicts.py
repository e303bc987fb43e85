"""The verdict of a judging agent: one JSON object with the request's nonce (`word`), anywhere in its answer.

The work and earlier answers cannot contain the nonce: a quoted verdict does not count.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestration.configuration import Agent
from orchestration.sessions.ending import Verdict
from orchestration.worker.agents.shared.json_values import without_unstorable

VERDICTS = {"PASS": True, "OK": True, "APPROVE": True, "FAIL": False, "OBJECT": False, "REJECT": False}
MAX_REASONS = 30
MAX_REASON_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class AgentVerdict:
    """A judging agent's verdict."""

    passed: bool
    reasons: list[str]
    score: float  # the share of met criteria; without criteria 1 for a pass, 0 for a fail


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verifying agent's verdict as evidence."""

    verdict: AgentVerdict | None
    agent: Agent
    text: str  # the end of its answer
    prompt: str
    word: str
    seconds: float
    missing: str = ""  # the reason for no verdict


def read(text: str, word: str) -> AgentVerdict | None:
    """The last verdict with this word. None: there is none, or two contradict each other."""
    verdicts = [_verdict(without_unstorable(payload)) for payload in _payloads(text, word)]
    return verdicts[-1] if len({verdict.passed for verdict in verdicts}) == 1 else None


def _payloads(text: str, word: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if str(value.get("verdict", "")).strip().upper() in VERDICTS and str(value.get("word", "")).strip() == word:
                yield value
        start = text.find("{", end)  # after the whole object: a nested verdict on one criterion is not the verdict


def _verdict(payload: dict[str, Any]) -> AgentVerdict:
    passed = VERDICTS[str(payload["verdict"]).strip().upper()]
    listed = payload.get("criteria")
    criteria = [criterion for criterion in listed if isinstance(criterion, dict)] if isinstance(listed, list) else []
    unmet = [criterion for criterion in criteria if criterion.get("met") is not True]
    reasons = (
        [str(reason) for reason in payload.get("reasons") or [] if str(reason).strip()]
        if isinstance(payload.get("reasons"), list)
        else []
    )
    reasons += [f"{criterion.get('criterion', 'a criterion')}: {criterion.get('reason', 'not met')}" for criterion in unmet]
    if unmet:
        passed = False  # a PASS with an unmet criterion is no PASS
    if not passed and not reasons:
        reasons = ["It gave no reason"]
    score = 1.0 if passed else (len(criteria) - len(unmet)) / len(criteria) if criteria else 0.0
    return AgentVerdict(passed, [reason[:MAX_REASON_LENGTH] for reason in reasons[:MAX_REASONS]], score)


def combined(verdict: Verdict, judged: Judgement, weight: float) -> Verdict:
    """The combined verdict of the commands and the verifying agent; without the agent's, the commands' with a note."""
    agent_verdict = judged.verdict
    if agent_verdict is None:
        agent_verdict, weight = AgentVerdict(True, [judged.missing], verdict.score), 0.0
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
        "word": judged.word,
    }
    commands = [check for check in verdict.checks if check["name"] != "none"]
    total = weight + sum(check["weight"] for check in commands)
    return Verdict(
        passed=verdict.passed and agent_verdict.passed,
        score=round((sum(check["score"] * check["weight"] for check in commands) + agent_verdict.score * weight) / total, 6),
        findings=[
            *verdict.findings,
            *(f"acceptance criteria: {reason}" for reason in agent_verdict.reasons if not agent_verdict.passed),
        ],
        checks=[*commands, evidence],
        base_score=round(sum(check.get("base_score", 0.0) * check["weight"] for check in commands) / total, 6),
        is_unproven=verdict.is_unproven and agent_verdict.passed,
    )
