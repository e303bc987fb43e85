"""The verdict of a judging agent is read from its whole answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.worker.steps import agent_verdicts


def test_the_last_verdict_in_the_text_counts() -> None:
    text = 'For example {"verdict": "FAIL"} would be wrong.\n```json\n{"verdict": "PASS", "reasons": []}\n```\n'
    verdict = agent_verdicts.read(text)
    assert verdict and verdict.passed and verdict.score == 1.0


def test_an_unmet_criterion_makes_a_pass_a_fail() -> None:
    verdict = agent_verdicts.read(
        '{"verdict": "PASS", "criteria": [{"criterion": "adds", "met": true}, {"criterion": "subtracts", "met": false, "reason": "no sub()"}]}'
    )
    assert verdict and not verdict.passed
    assert (verdict.reasons, verdict.score) == (["subtracts: no sub()"], 0.5)


def test_an_objection_without_a_reason_gets_a_default_reason() -> None:
    verdict = agent_verdicts.read('{"verdict": "object"}')
    assert verdict and verdict.reasons == ["It gave no reason"]


@pytest.mark.parametrize("text", ["", "PASS", '{"verdict": "maybe"}', '{"verdict": "PASS"', "[]", '{"a": {"b": 1}}', "{" * 5000])
def test_text_without_a_verdict_gives_none(text: str) -> None:
    assert agent_verdicts.read(text) is None


@given(st.text(alphabet='{}[]":,verdictPASFIL ', max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    agent_verdicts.read(text)


def test_a_verdict_on_one_criterion_is_not_the_verdict() -> None:
    text = (
        '{"verdict": "FAIL", "criteria": [{"criterion": "a", "met": false}, {"criterion": "b", "met": true, "verdict": "PASS"}]}'
    )
    verdict = agent_verdicts.read(text)
    assert verdict and not verdict.passed


def test_lone_surrogates_in_a_reason_can_be_stored() -> None:
    verdict = agent_verdicts.read(r'{"verdict": "FAIL", "reasons": ["odd \ud800\u0000"]}')
    assert verdict and verdict.reasons == ["odd \\ud800"]
