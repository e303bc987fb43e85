"""Qwen Code: Muster prices the counts of its chat files, also in conversations whose results are running totals."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.agents import refusals, stopping
from tests.agents.cli_stage import CliStage
from tests.agents.errors import ERRORS, UNREACHABLE, named
from tests.agents.harness import Bench, command_turn, text_turn, write_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import until

CLI = "qwen"
USAGE = {"input": 2000, "output": 100, "cache_read": 4000}  # 4 000 micro-USD
OK = [{"name": "ok", "run": "test -f ok"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def qwen(address: str, **more: Any) -> dict[str, Any]:
    env = {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": "stub-key"}
    return {"kind": "qwen", "model": "gpt-5", "env": env, **more}


def test_three_rounds_in_one_chat_cost_what_the_provider_counted(llm: Server, bench: Make) -> None:
    first = [write_turn("one", usage=USAGE), command_turn("cat one", usage=USAGE), text_turn("I forgot ok.", usage=USAGE)]
    second = [write_turn("two", usage=USAGE), text_turn("And again.", usage=USAGE)]
    provider = llm(three={"rounds": [first, second, [write_turn("ok", usage=USAGE), text_turn("Now it is there.", usage=USAGE)]]})
    work = bench(qwen(provider.url("three")), verify=OK)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 3
    assert work.check_cost(id_, provider) == 28_000
    assert [row["round"] for row in work.ledger(id_)] == [1, 1, 1, 2, 2, 3, 3], "one row for each request"
    assert (work.merged("one"), work.merged("ok")) == ("yes", "yes")
    assert work.rounds(id_)[2]["summary"] == "Now it is there."


def test_a_killed_worker_loses_no_cent_and_books_none_twice(llm: Server, bench: Make) -> None:
    provider = llm(kill={"turns": [write_turn("kept", usage=USAGE), text_turn(hang="before")]})
    work = bench(qwen(provider.url("kill")), verify=OK)
    id_ = work.add("write ok")
    until(lambda: len(provider.log()) == 2, 60, every=0.02)
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    provider.change(kill={"turns": [write_turn("ok", usage=USAGE)] * 3})  # the interrupted turn continues, or a new one starts
    work.becomes(id_, "done", 40)
    assert work.sessions(id_)[0]["status"] == "lost" and work.check_cost(id_, provider) >= 8_000


def test_a_conversation_that_is_too_long_has_a_name_and_costs_what_the_provider_counted(llm: Server, stage: CliStage) -> None:
    """Version 0.15 had it summarised by a request that no line shows."""
    provider = llm(full={"error": ERRORS["context_full"], "turns": [text_turn()]})
    played = stage.play(qwen(provider.url("full")))
    assert played.failures == ["context_full"] and played.cost == provider.cost()


@pytest.mark.parametrize("code", [code for code in ERRORS if code != "context_full"])
def test_a_provider_that_refuses_has_a_name(llm: Server, stage: CliStage, code: str) -> None:
    """Qwen Code reports this as a success."""
    provider = llm(no={"error": ERRORS[code], "turns": [text_turn()]})
    assert named(stage.play(qwen(provider.url("no"))).events) == {code}


def test_a_provider_that_is_not_there_has_a_name(stage: CliStage) -> None:
    assert named(stage.play(qwen(UNREACHABLE)).events) == {"network"}


def test_a_missing_key_has_a_name(stage: CliStage) -> None:
    assert stage.play(qwen(UNREACHABLE, env={}, args=["--auth-type", "openai"])).failures == ["auth"]


def test_used_up_turns_have_a_name(llm: Server, stage: CliStage) -> None:
    provider = llm(turns={"turns": [write_turn("a"), write_turn("b"), write_turn("c"), text_turn()]})
    assert stage.play(qwen(provider.url("turns"), args=["--max-session-turns", "1"])).failures == ["turns_exhausted"]


def playing(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    return qwen(provider.url(scenario), **more)


@pytest.mark.parametrize("code", refusals.CASES)
def test_an_unavailable_provider_is_waited_for(code: str, llm: Server, bench: Make) -> None:
    refusals.check(code, llm, bench, playing, USAGE)


@pytest.mark.parametrize(
    "state", [state for state in stopping.STATES if state != "tool"]
)  # it refuses to sleep in the foreground
def test_a_stop_leaves_no_process(state: str, llm: Server, bench: Make) -> None:
    stopping.check(state, llm, bench, playing, USAGE)
