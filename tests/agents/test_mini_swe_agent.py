"""mini-swe-agent: costs come from its trajectory, step by step."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.worker.agents.shared.events import Finished
from tests.agents import refusals, stopping
from tests.agents.cli_stage import CliStage
from tests.agents.errors import ERRORS, UNREACHABLE, named
from tests.agents.harness import Bench, command_turn, text_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import until

CLI = "mini"
USAGE = {"input": 2000, "output": 100, "cache_read": 4000}  # 4 000 micro-USD
COSTLY = {"input": 40_000, "output": 2000, "cache_read": 4000}  # 70 500 micro-USD
SUBMIT = command_turn("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; echo All there.", usage=USAGE)
OK = [{"name": "ok", "run": "test -f ok"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def mini(address: str, **more: Any) -> dict[str, Any]:
    env = {"OPENAI_API_BASE": f"{address}/v1", "OPENAI_API_KEY": "stub-key"}
    return {"kind": "mini_swe_agent", "model": "openai/gpt-5", "env": env, **more}


def test_two_rounds_cost_what_the_provider_counted(llm: Server, bench: Make) -> None:
    """It has no conversation to resume: the second round starts a new one, with the first round's files."""
    step = command_turn("test -f one && echo yes > ok; echo yes > one", usage=USAGE)
    provider = llm(two={"turns": [step, SUBMIT]})
    work = bench(mini(provider.url("two")), verify=OK)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 90)["rounds_completed"] == 2
    assert work.check_cost(id_, provider) == 16_000
    assert [row["round"] for row in work.ledger(id_)] == [1, 1, 2, 2] and work.merged("ok") == "yes"
    assert {row["price_source"] for row in work.ledger(id_)} == {"reported"}
    assert work.rounds(id_)[1]["summary"] == "All there."


def test_it_keeps_its_limit_and_passes_it_by_one_request(llm: Server, bench: Make) -> None:
    provider = llm(loop={"turns": [command_turn("date >> loop", usage=COSTLY)], "loop": True})
    work = bench(mini(provider.url("loop")), verify=OK)
    id_ = work.add("loop", budget_usd=0.25)
    assert work.becomes(id_, "blocked", 60)["reasons"][0]["code"] == "budget_exceeded"
    assert work.session(id_)["status"] == "out_of_money"
    assert work.check_cost(id_, provider) == 282_000


def test_a_limit_of_its_own_is_money_and_no_failure(llm: Server, stage: CliStage) -> None:
    provider = llm(loop={"turns": [command_turn("date >> loop", usage=COSTLY)], "loop": True})
    played = stage.play(mini(provider.url("loop")), limit=100_000)
    assert played.failures == [] and [finished.out_of_money for finished in played.of(Finished)] == [True]
    assert played.cost == provider.cost() == 141_000


def test_a_model_that_it_has_no_price_for_is_priced_by_muster_or_unknown(llm: Server, stage: CliStage) -> None:
    provider = llm(ok={"turns": [SUBMIT]})
    played = stage.play(mini(provider.url("ok"), model="openai/no-such-model-9"))
    assert [(used.cost, used.model, used.input_tokens) for used in played.events if hasattr(used, "input_tokens")] == [
        (None, "no-such-model-9", 2000)
    ]


@pytest.mark.parametrize("code", ERRORS)
def test_a_provider_that_refuses_has_a_name(llm: Server, stage: CliStage, code: str) -> None:
    provider = llm(no={"error": ERRORS[code], "turns": [text_turn()]})
    played = stage.play(mini(provider.url("no")))
    assert named(played.events) == {code} and played.cost == 0


def test_a_provider_that_is_not_there_has_a_name(stage: CliStage) -> None:
    assert named(stage.play(mini(UNREACHABLE)).events) == {"network"}


def playing(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    return mini(provider.url(scenario), **more)


@pytest.mark.parametrize("code", refusals.CASES)
def test_an_unavailable_provider_is_waited_for(code: str, llm: Server, bench: Make) -> None:
    refusals.check(code, llm, bench, playing, USAGE, last=SUBMIT)


def test_a_stop_in_the_middle_of_a_step_loses_no_cent(llm: Server, bench: Make) -> None:
    """INT makes it write its trajectory, the only source of the cost."""
    provider = llm(stop={"turns": [command_turn("echo yes > kept", usage=USAGE), command_turn("sleep 7654000", usage=USAGE)]})
    work = bench(mini(provider.url("stop")), verify=OK)
    id_ = work.add("write ok")
    session = work.wait_for_session(id_)
    until(lambda: stopping.sleepers("7654000"), 60, every=0.1)  # mini has counted the answer that asked for it
    work.call("POST", f"/executor/workers/{session}/stop")
    until(lambda: work.entry(id_)["status"] == "blocked", 10, every=0.05)
    assert work.session(id_)["status"] == "stopped" and work.check_cost(id_, provider) == 8_000
