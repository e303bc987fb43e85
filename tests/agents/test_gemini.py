"""Gemini CLI: Muster prices the counts of its chat files and its result, and the ledger equals the provider's count."""

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

CLI = "gemini"
USAGE = {"input": 2000, "output": 100, "cache_read": 4000}  # 4 000 micro-USD
COSTLY = {"input": 40_000, "output": 2000, "cache_read": 4000}  # 70 500 micro-USD
OK = [{"name": "ok", "run": "test -f ok"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def gemini(address: str, **more: Any) -> dict[str, Any]:
    env = {"GOOGLE_GEMINI_BASE_URL": address, "GEMINI_API_KEY": "stub-key"}
    return {"kind": "gemini", "model": "gemini-2.5-pro", "env": env, **more}


def chats(work: Bench, id_: str) -> int:
    """Chats with content: when resumed in a later minute, Gemini CLI creates an empty one and continues the first."""
    home = work.up.data / "homes" / id_ / "gemini"
    return sum('"tokens"' in chat.read_text() for chat in home.glob(".gemini/tmp/*/chats/session-*.jsonl"))


def test_two_rounds_in_one_chat_cost_what_the_provider_counted(llm: Server, bench: Make) -> None:
    first = [write_turn("one", usage=USAGE), command_turn("cat one", usage=USAGE), text_turn("I forgot ok.", usage=USAGE)]
    provider = llm(two={"rounds": [first, [write_turn("ok", usage=USAGE), text_turn("Now it is there.", usage=USAGE)]]})
    work = bench(gemini(provider.url("two")), verify=OK)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 2
    assert work.check_cost(id_, provider) == 20_000
    assert [row["round"] for row in work.ledger(id_)] == [1, 1, 1, 2, 2], "one row for each request"
    assert [request["round"] for request in provider.log()] == [0, 0, 0, 1, 1], "the second round knew the first"
    assert chats(work, id_) == 1 and (work.merged("one"), work.merged("ok")) == ("yes", "yes")
    assert work.rounds(id_)[1]["summary"] == "Now it is there."


@pytest.mark.alone
def test_a_looping_agent_stops_at_its_reservation_and_its_chat_continues_with_more(llm: Server, bench: Make) -> None:
    """$0.25 and requests of $0.0705: the fourth exceeds it. Gemini CLI has no limit of its own, and detects loops: so the turns sleep."""
    again = [command_turn(f"echo {n} >> loop", usage=COSTLY) for n in range(40)]
    provider = llm(loop={"latency_ms": 400, "rounds": [again, [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]]})
    work = bench(gemini(provider.url("loop")), verify=OK)
    id_ = work.add("loop", budget_usd=0.25)
    assert work.becomes(id_, "blocked", 40)["reasons"][0]["code"] == "budget_exceeded"
    assert work.session(id_)["status"] == "out_of_money"
    assert work.check_cost(id_, provider) == 282_000, "an agent that goes on for 0.4 s makes a fifth request"
    work.call("PATCH", f"/budget/entries/{id_}", {"budget_usd": 2})
    work.becomes(id_, "done", 40)
    assert work.check_cost(id_, provider) == 290_000 and chats(work, id_) == 1


def test_a_killed_worker_loses_no_cent_and_books_none_twice(llm: Server, bench: Make) -> None:
    provider = llm(kill={"turns": [write_turn("kept", usage=USAGE), text_turn(hang="before")]})
    work = bench(gemini(provider.url("kill")), verify=OK)
    id_ = work.add("write ok")
    until(lambda: len(provider.log()) == 2, 60, every=0.02)
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    again = write_turn("ok", usage=USAGE)
    provider.change(kill={"turns": [again, again, text_turn(usage=USAGE)]})  # the interrupted turn continues, or a new one starts
    work.becomes(id_, "done", 40)
    assert work.sessions(id_)[0]["status"] == "lost" and work.check_cost(id_, provider) >= 8_000


def test_a_long_prompt_arrives(llm: Server, bench: Make) -> None:
    read = command_turn('wc -c < "$MUSTER_PROMPT_FILE" > size', usage=USAGE)
    provider = llm(long={"turns": [read, write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]})
    work = bench(gemini(provider.url("long")), verify=OK)
    id_ = work.add("write ok", "é" * 99_000)
    work.becomes(id_, "done", 40)
    assert work.check_cost(id_, provider) == 12_000 and int(work.merged("size")) > 190_000


@pytest.mark.parametrize("code", ERRORS)
def test_a_provider_that_refuses_has_a_name(llm: Server, stage: CliStage, code: str) -> None:
    provider = llm(no={"error": ERRORS[code], "turns": [text_turn()]})
    played = stage.play(gemini(provider.url("no")))
    assert named(played.events) == {code} and played.cost == 0


def test_a_provider_that_is_not_there_has_a_name(stage: CliStage) -> None:
    assert named(stage.play(gemini(UNREACHABLE)).events) == {"network"}


def test_a_missing_key_has_a_name(llm: Server, stage: CliStage) -> None:
    provider = llm(no={"turns": [text_turn()]})
    played = stage.play(gemini(provider.url("no"), env={"GOOGLE_GEMINI_BASE_URL": provider.url("no")}))
    assert played.exit_code == 41 and played.failures == ["auth"]


def test_a_chat_that_is_gone_has_a_name(llm: Server, stage: CliStage) -> None:
    """Its file exists, but does not contain a chat."""
    provider = llm(ok={"turns": [write_turn("ok"), text_turn()]})
    first = stage.play(gemini(provider.url("ok")))
    assert first.exit_code == 0 and first.thread
    for chat in (stage.folder / "home").glob(".gemini/tmp/*/chats/session-*.jsonl"):
        chat.write_text("")
    assert stage.play(gemini(provider.url("ok")), thread=first.thread).failures == ["thread_lost"]


def test_used_up_turns_have_a_name(llm: Server, stage: CliStage) -> None:
    provider = llm(turns={"turns": [write_turn("a"), write_turn("b"), write_turn("c"), text_turn()]})
    played = stage.play(gemini(provider.url("turns"), settings={"model": {"maxSessionTurns": 1}}))
    assert played.failures == ["turns_exhausted"]


def playing(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    return gemini(provider.url(scenario), **more)


@pytest.mark.parametrize("code", refusals.CASES)
def test_an_unavailable_provider_is_waited_for(code: str, llm: Server, bench: Make) -> None:
    refusals.check(code, llm, bench, playing, USAGE)


@pytest.mark.parametrize("state", stopping.STATES)
def test_a_stop_leaves_no_process(state: str, llm: Server, bench: Make) -> None:
    stopping.check(state, llm, bench, playing, USAGE)
