"""The verdict of a judging agent is read from its whole answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.configuration import Agent
from orchestration.sessions.ending import Verdict
from orchestration.worker.steps import agent_verdicts
from orchestration.worker.steps.agent_verdicts import AgentVerdict, Judgement

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


def test_reasons_have_bounds_and_blank_ones_are_left_out() -> None:
    reasons = ", ".join(f'"{n}{"x" * 2000}"' for n in range(40))
    verdict = agent_verdicts.read(f'{{"verdict": "fail", "word": "k7f3", "reasons": [" ", {reasons}]}}', WORD)
    assert verdict and len(verdict.reasons) == 30 and {len(reason) for reason in verdict.reasons} == {1000}
    assert verdict.reasons[0].startswith("0x") and verdict.score == 0.0


@pytest.mark.parametrize("reasons", ['"slow"', "{}", "7", "null"])
def test_reasons_that_are_no_list_are_none(reasons: str) -> None:
    verdict = agent_verdicts.read(f'{{"verdict": "fail", "word": "k7f3", "reasons": {reasons}}}', WORD)
    assert verdict and verdict.reasons == ["It gave no reason"]


def test_a_criterion_is_met_only_where_that_is_true() -> None:
    verdict = agent_verdicts.read(
        '{"verdict": "PASS", "word": "k7f3", "reasons": ["a note"], "criteria": [{"met": "true"}, "odd", {"criterion": "b", "met": true},'
        ' {"criterion": "c", "met": true}, {"criterion": "d"}]}',
        WORD,
    )
    assert verdict == AgentVerdict(False, ["a note", "a criterion: not met", "d: not met"], 0.5)


CHECK = {"name": "tests", "score": 0.5, "base_score": 0.25, "weight": 3.0}


def combined(agent_verdict: AgentVerdict | None, verdict: Verdict, weight: float = 1.0) -> Verdict:
    judged = Judgement(agent_verdict, Agent(kind="claude_code"), "the end", "the prompt", WORD, 1.23456, missing="No verdict")
    return agent_verdicts.combined(verdict, judged, weight)


def test_commands_and_agent_weigh_together_and_both_must_pass() -> None:
    green = Verdict(True, 0.5, findings=["one"], checks=[CHECK], is_unproven=True)
    both = combined(AgentVerdict(True, ["fine"], 1.0), green)
    assert (both.passed, both.score, both.base_score, both.is_unproven) == (True, 0.625, 0.1875, True)
    assert both.findings == ["one"] and both.checks[0] == CHECK
    assert both.checks[1] == {
        "name": "acceptance criteria",
        "agent": "claude_code",
        "passed": True,
        "score": 1.0,
        "weight": 1.0,
        "seconds": 1.235,
        "findings": ["fine"],
        "tail": "the end",
        "prompt": "the prompt",
        "word": WORD,
    }
    refused = combined(AgentVerdict(False, ["slow"], 0.5), green)
    assert (refused.passed, refused.is_unproven, refused.score) == (False, False, 0.5)
    assert refused.findings == ["one", "acceptance criteria: slow"]
    assert not combined(AgentVerdict(True, [], 1.0), Verdict(False, 0.5, checks=[CHECK])).passed


def test_without_the_agents_verdict_that_of_the_commands_holds_with_a_note() -> None:
    alone = combined(None, Verdict(True, 0.5, checks=[CHECK]))
    assert (alone.passed, alone.score, alone.base_score, alone.findings) == (True, 0.5, 0.25, [])
    assert (alone.checks[1]["findings"], alone.checks[1]["weight"]) == (["No verdict"], 0.0)


def test_where_there_is_no_command_the_agent_alone_decides() -> None:
    nothing = Verdict(True, 1.0, checks=[{"name": "none", "score": 1.0, "weight": 1.0}])
    judged = combined(AgentVerdict(False, ["No"], 0.25), nothing, 2.0)
    assert (judged.score, judged.base_score, [check["name"] for check in judged.checks]) == (0.25, 0.0, ["acceptance criteria"])
