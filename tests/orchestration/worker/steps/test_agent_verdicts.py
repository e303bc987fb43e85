"""Reading the verdict of a judging agent out of whatever it wrote around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.worker.steps import agent_verdicts


def test_the_last_verdict_in_the_text_counts() -> None:
    text = 'For example {"verdict": "FAIL"} would be wrong.\n```json\n{"verdict": "PASS", "reasons": []}\n```\n'
    answer = agent_verdicts.read(text)
    assert answer and answer.passed and answer.score == 1.0


def test_an_unmet_criterion_makes_a_pass_a_fail() -> None:
    answer = agent_verdicts.read(
        '{"verdict": "PASS", "criteria": [{"criterion": "adds", "met": true}, {"criterion": "subtracts", "met": false, "reason": "no sub()"}]}'
    )
    assert answer and not answer.passed
    assert (answer.reasons, answer.score) == (["subtracts: no sub()"], 0.5)


def test_an_objection_without_a_reason_says_so() -> None:
    answer = agent_verdicts.read('{"verdict": "object"}')
    assert answer and answer.reasons == ["It gave no reason"]


@pytest.mark.parametrize("text", ["", "PASS", '{"verdict": "maybe"}', '{"verdict": "PASS"', "[]", '{"a": {"b": 1}}', "{" * 5000])
def test_what_is_no_verdict_is_none(text: str) -> None:
    assert agent_verdicts.read(text) is None


@given(st.text(alphabet='{}[]":,verdictPASFIL ', max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    agent_verdicts.read(text)


def test_a_verdict_on_one_criterion_is_not_the_verdict() -> None:
    told = (
        '{"verdict": "FAIL", "criteria": [{"criterion": "a", "met": false}, {"criterion": "b", "met": true, "verdict": "PASS"}]}'
    )
    answer = agent_verdicts.read(told)
    assert answer and not answer.passed


def test_halves_of_characters_in_a_reason_can_be_stored() -> None:
    answer = agent_verdicts.read(r'{"verdict": "FAIL", "reasons": ["odd \ud800\u0000"]}')
    assert answer and answer.reasons == ["odd \\ud800"]
