"""What a judging agent answered: one JSON object, found at the end of whatever it wrote around it."""

import json
from dataclasses import dataclass
from typing import Any

from orchestration.worker.agents.shared.reading import storable

WORDS = {"PASS": True, "OK": True, "APPROVE": True, "FAIL": False, "OBJECT": False, "REJECT": False}
MOST_REASONS = 30
LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class AgentVerdict:
    """`score`: the share of the criteria that are met, 1 or 0 where none are told."""

    passed: bool
    reasons: list[str]
    score: float


def read(text: str) -> AgentVerdict | None:
    """The last verdict in a text; None: there is none that can be understood."""
    decoder = json.JSONDecoder()
    found, at = None, text.find("{")
    while at >= 0:
        try:
            told, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if str(told.get("verdict", "")).strip().upper() in WORDS:
                found = told
        at = text.find("{", end)  # behind the whole object: a verdict on one criterion inside of it is not the verdict
    return _answer(storable(found)) if found else None


def _answer(told: dict[str, Any]) -> AgentVerdict:
    passed = WORDS[str(told["verdict"]).strip().upper()]
    listed = told.get("criteria")
    criteria = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    unmet = [one for one in criteria if one.get("met") is not True]
    reasons = (
        [str(reason) for reason in told.get("reasons") or [] if str(reason).strip()]
        if isinstance(told.get("reasons"), list)
        else []
    )
    reasons += [f"{one.get('criterion', 'a criterion')}: {one.get('reason', 'not met')}" for one in unmet]
    if unmet:
        passed = False  # a PASS beside a criterion that is not met is no PASS
    if not passed and not reasons:
        reasons = ["It gave no reason"]
    score = 1.0 if passed else (len(criteria) - len(unmet)) / len(criteria) if criteria else 0.0
    return AgentVerdict(passed, [reason[:LONGEST_REASON] for reason in reasons[:MOST_REASONS]], score)
