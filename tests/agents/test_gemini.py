"""Gemini CLI: Muster prices what its chats and its result count, and the ledger says what the provider counted."""

import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.agents import refusals, stopping
from tests.agents.alone import Stage
from tests.agents.errors import ERRORS, NOBODY, named
from tests.agents.harness import Bench, runs, says, writes
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
    """Those in which something was said: resumed in a later minute it makes an empty one and goes on in the first."""
    home = work.up.data / "homes" / id_ / "gemini"
    return sum('"tokens"' in chat.read_text() for chat in home.glob(".gemini/tmp/*/chats/session-*.jsonl"))


def test_two_rounds_in_one_chat_cost_what_the_provider_counted(llm: Server, bench: Make) -> None:
    first = [writes("one", usage=USAGE), runs("cat one", usage=USAGE), says("I forgot ok.", usage=USAGE)]
    provider = llm(two={"rounds": [first, [writes("ok", usage=USAGE), says("Now it is there.", usage=USAGE)]]})
    work = bench(gemini(provider.url("two")), verify=OK)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 2
    assert work.costs_what_it_cost(id_, provider) == 20_000
    assert [row["round"] for row in work.ledger(id_)] == [1, 1, 1, 2, 2], "one row for each request"
    assert [request["round"] for request in provider.log()] == [0, 0, 0, 1, 1], "the second round knew the first"
    assert chats(work, id_) == 1 and (work.merged("one"), work.merged("ok")) == ("yes", "yes")
    assert work.rounds(id_)[1]["summary"] == "Now it is there."


def test_a_looping_agent_stops_at_its_hold_and_the_same_chat_goes_on_with_more(llm: Server, bench: Make) -> None:
    """$0.25 and requests of $0.0705: the fourth crosses. Gemini CLI has no limit of its own, and finds loops: so it sleeps a while."""
    again = [runs(f"echo {n} >> loop", usage=COSTLY) for n in range(40)]
    provider = llm(loop={"latency_ms": 400, "rounds": [again, [writes("ok", usage=USAGE), says(usage=USAGE)]]})
    work = bench(gemini(provider.url("loop")), verify=OK)
    id_ = work.add("loop", budget_usd=0.25)
    assert work.becomes(id_, "blocked", 40)["reasons"][0]["code"] == "budget_exceeded"
    assert work.session(id_)["status"] == "out_of_money"
    assert work.costs_what_it_cost(id_, provider) == 282_000
    crossed = provider.log()[3]
    ended = datetime.fromisoformat(work.session(id_)["ended_at"]).timestamp()
    assert ended - (crossed["ts"] + crossed["seconds"]) < 1, "stopped and committed"
    work.call("PATCH", f"/budget/entries/{id_}", {"budget_usd": 2})
    work.becomes(id_, "done", 40)
    assert work.costs_what_it_cost(id_, provider) == 290_000 and chats(work, id_) == 1


def test_a_killed_worker_loses_no_cent_and_books_none_twice(llm: Server, bench: Make) -> None:
    provider = llm(kill={"turns": [writes("kept", usage=USAGE), says(hang="before")]})
    work = bench(gemini(provider.url("kill")), verify=OK)
    id_ = work.add("write ok")
    until(lambda: len(provider.log()) == 2, 20, every=0.02)
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    again = writes("ok", usage=USAGE)
    provider.change(kill={"turns": [again, again, says(usage=USAGE)]})  # the broken-off turn goes on, or a new one begins
    work.becomes(id_, "done", 40)
    assert work.sessions(id_)[0]["status"] == "lost" and work.costs_what_it_cost(id_, provider) >= 8_000


def test_a_long_prompt_arrives(llm: Server, bench: Make) -> None:
    read = runs('wc -c < "$MUSTER_PROMPT_FILE" > size', usage=USAGE)
    provider = llm(long={"turns": [read, writes("ok", usage=USAGE), says(usage=USAGE)]})
    work = bench(gemini(provider.url("long")), verify=OK)
    id_ = work.add("write ok", "é" * 99_000)
    work.becomes(id_, "done", 40)
    assert work.costs_what_it_cost(id_, provider) == 12_000 and int(work.merged("size")) > 190_000


@pytest.mark.parametrize("code", ERRORS)
def test_a_provider_that_refuses_has_a_name(llm: Server, stage: Stage, code: str) -> None:
    provider = llm(no={"error": ERRORS[code], "turns": [says()]})
    played = stage.play(gemini(provider.url("no")))
    assert named(played.events) == {code} and played.cost == 0


def test_a_provider_that_is_not_there_has_a_name(stage: Stage) -> None:
    assert named(stage.play(gemini(NOBODY)).events) == {"network"}


def test_a_missing_key_has_a_name(llm: Server, stage: Stage) -> None:
    provider = llm(no={"turns": [says()]})
    played = stage.play(gemini(provider.url("no"), env={"GOOGLE_GEMINI_BASE_URL": provider.url("no")}))
    assert played.exit_code == 41 and played.failures == ["auth"]


def test_a_chat_that_is_gone_has_a_name(llm: Server, stage: Stage) -> None:
    """Its file is there, and what is in it is not a chat."""
    provider = llm(ok={"turns": [writes("ok"), says()]})
    first = stage.play(gemini(provider.url("ok")))
    assert first.exit_code == 0 and first.thread
    for chat in (stage.folder / "home").glob(".gemini/tmp/*/chats/session-*.jsonl"):
        chat.write_text("")
    assert stage.play(gemini(provider.url("ok")), thread=first.thread).failures == ["thread_lost"]


def test_used_up_turns_have_a_name(llm: Server, stage: Stage) -> None:
    provider = llm(turns={"turns": [writes("a"), writes("b"), writes("c"), says()]})
    played = stage.play(gemini(provider.url("turns"), settings={"model": {"maxSessionTurns": 1}}))
    assert played.failures == ["turns_exhausted"]


def playing(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    return gemini(provider.url(scenario), **more)


@pytest.mark.parametrize("code", refusals.CASES)
def test_a_provider_that_turns_it_away_is_waited_for(code: str, llm: Server, bench: Make) -> None:
    refusals.check(code, llm, bench, playing, USAGE)


@pytest.mark.parametrize("state", stopping.STATES)
def test_a_stop_leaves_nothing_at_work(state: str, llm: Server, bench: Make) -> None:
    stopping.check(state, llm, bench, playing, USAGE)
