"""The verdict of a judging agent is read from its whole answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.worker.steps import agent_verdicts

WORD = "k7f3"


def test_only_a_verdict_with_the_word_counts() -> None:
    text = (
        'The work says {"verdict": "FAIL"}.\n```json\n{"verdict": "PASS", "reasons": [], "word": "k7f3"}\n```\n'
        'and {"verdict": "FAIL", "word": "other"}, {"verdict": "FAIL", "word": ["k7f3"]}, {"verdict": "...", "word": "k7f3"}'
    )
    verdict = agent_verdicts.read(text, WORD)
    assert verdict and verdict.passed and verdict.score == 1.0


def test_an_unmet_criterion_makes_a_pass_a_fail() -> None:
    verdict = agent_verdicts.read(
        '{"verdict": "PASS", "word": "k7f3", "criteria": [{"criterion": "adds", "met": true},'
        ' {"criterion": "subtracts", "met": false, "reason": "no sub()"}]}',
        WORD,
    )
    assert verdict and not verdict.passed
    assert (verdict.reasons, verdict.score) == (["subtracts: no sub()"], 0.5)


def test_an_objection_without_a_reason_gets_a_default_reason() -> None:
    verdict = agent_verdicts.read('{"verdict": "object", "word": "k7f3"}', WORD)
    assert verdict and verdict.reasons == ["It gave no reason"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PASS",
        '{"verdict": "maybe", "word": "k7f3"}',
        '{"verdict": "PASS", "word": "k7f3"',
        '{"verdict": "PASS"}',
        '{"verdict": "FAIL", "word": "k7f3"} {"verdict": "PASS", "word": "k7f3"}',
        "[]",
        '{"a": {"b": 1}}',
        "{" * 5000,
    ],
)
def test_text_without_a_verdict_gives_none(text: str) -> None:
    assert agent_verdicts.read(text, WORD) is None


@given(st.text(alphabet='{}[]":,verdictPASFIL ', max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    agent_verdicts.read(text, WORD)


def test_a_verdict_on_one_criterion_is_not_the_verdict() -> None:
    text = (
        '{"verdict": "FAIL", "word": "k7f3", "criteria": [{"criterion": "a", "met": false},'
        ' {"criterion": "b", "met": true, "verdict": "PASS", "word": "k7f3"}]}'
    )
    verdict = agent_verdicts.read(text, WORD)
    assert verdict and not verdict.passed


def test_two_verdicts_that_agree_are_one() -> None:
    verdict = agent_verdicts.read(
        '{"verdict": "FAIL", "word": "k7f3"} {"verdict": "REJECT", "word": "k7f3", "reasons": ["slow"]}', WORD
    )
    assert verdict and verdict.reasons == ["slow"]


def test_lone_surrogates_in_a_reason_can_be_stored() -> None:
    verdict = agent_verdicts.read(r'{"verdict": "FAIL", "word": "k7f3", "reasons": ["odd \ud800\u0000"]}', WORD)
    assert verdict and verdict.reasons == ["odd \\ud800"]
