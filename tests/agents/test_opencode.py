"""opencode: its steps and its subagents cost the provider's count, once from its events and its database."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.worker.agents.shared.events import Discrepancy, Usage
from tests.agents import refusals, stopping
from tests.agents.cli_stage import CliStage
from tests.agents.errors import ERRORS, UNREACHABLE, named
from tests.agents.harness import Bench, command_turn, text_turn, write_turn
from tests.agents.llm import PRICES, ScriptedLLM
from tests.faults.harness import until

CLI = "opencode"
USAGE = {"input": 2000, "output": 100, "cache_read": 10_000, "cache_write": 400}  # 12 000 micro-USD
COSTLY = {"input": 1000, "output": 1000, "cache_read": 50_000, "cache_write": 10_000}  # 70 500 micro-USD
OK = [{"name": "ok", "run": "test -f ok"}]
DELEGATE = {"name": "task", "input": {"description": "look", "prompt": "look around", "subagent_type": "general"}}
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def opencode(address: str) -> dict[str, Any]:
    """With a configured provider and prices."""
    settings = {"provider": {"anthropic": {"options": {"baseURL": f"{address}/v1"}}}}
    return {
        "kind": "opencode",
        "model": "anthropic/claude-sonnet-4-5",
        "env": {"ANTHROPIC_API_KEY": "stub"},
        "settings": settings,
    }


def gateway(address: str, *, cost: dict[str, float] | None = PRICES["gpt-5"], **more: Any) -> dict[str, Any]:
    model = {"tool_call": True, "limit": {"context": 200_000, "output": 8000}, **({"cost": cost} if cost else {})}
    options = {"baseURL": f"{address}/v1", "apiKey": "{env:GATEWAY_KEY}"}
    own = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"gpt-5": model}}
    settings = {"provider": {"gateway": own}, **more.pop("settings", {})}
    return {"kind": "opencode", "model": "gateway/gpt-5", "env": {"GATEWAY_KEY": "stub"}, "settings": settings, **more}


def test_two_rounds_in_one_conversation_cost_what_the_provider_counted(llm: Server, bench: Make) -> None:
    first = [write_turn("one", usage=USAGE), command_turn("cat one", usage=USAGE), text_turn("I forgot ok.", usage=USAGE)]
    provider = llm(two={"rounds": [first, [write_turn("ok", usage=USAGE), text_turn("Now it is there.", usage=USAGE)]]})
    work = bench(opencode(provider.url("two")), verify=OK)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 2
    assert work.check_cost(id_, provider) == 60_000
    rows = work.ledger(id_)
    assert [row["round"] for row in rows] == [1, 1, 1, 2, 2], "one row for each request, and none for a title"
    assert {row["price_source"] for row in rows} == {"reported"}
    assert [request["round"] for request in provider.log()] == [0, 0, 0, 1, 1], "the second round knew the first"
    assert (work.merged("one"), work.merged("ok")) == ("yes", "yes")
    assert work.rounds(id_)[1]["summary"] == "Now it is there."


@pytest.mark.alone
def test_a_looping_agent_stops_at_its_reservation_and_its_conversation_continues_with_more(llm: Server, bench: Make) -> None:
    """$0.25 and requests of $0.0705: the fourth exceeds it. opencode has no limit of its own."""
    again = [command_turn(f"echo {n} >> loop", usage=COSTLY) for n in range(40)]
    provider = llm(loop={"latency_ms": 400, "turns": again})
    work = bench(opencode(provider.url("loop")), verify=OK)
    id_ = work.add("loop", budget_usd=0.25)
    assert work.becomes(id_, "blocked", 40)["reasons"][0]["code"] == "budget_exceeded"
    assert work.check_cost(id_, provider) == 282_000, "an agent that goes on for 0.4 s makes a fifth request"
    provider.change(loop={"turns": [write_turn("ok", usage=USAGE)] * 8})  # the broken-off turn goes on
    work.call("PATCH", f"/budget/entries/{id_}", {"budget_usd": 2})
    work.becomes(id_, "done", 40)
    assert work.check_cost(id_, provider) > 282_000


def test_a_killed_worker_loses_no_cent_and_books_none_twice(llm: Server, bench: Make) -> None:
    provider = llm(kill={"turns": [write_turn("kept", usage=USAGE), text_turn(hang="before")]})
    work = bench(opencode(provider.url("kill")), verify=OK)
    id_ = work.add("write ok")
    until(lambda: len(provider.log()) == 2, 60, every=0.02)
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    again = write_turn("ok", usage=USAGE)
    provider.change(kill={"turns": [again, again, text_turn(usage=USAGE)]})
    work.becomes(id_, "done", 60)
    assert work.sessions(id_)[0]["status"] == "lost" and work.check_cost(id_, provider) >= 24_000


def test_a_subagents_requests_are_counted_though_it_prints_none(llm: Server, bench: Make) -> None:
    turns = [{"text": "I delegate.", "tools": [DELEGATE]}, write_turn("ok"), text_turn()]
    provider = llm(sub={"usage": USAGE, "turns": turns})
    work = bench(opencode(provider.url("sub")), verify=OK)
    id_ = work.add("delegate")
    work.becomes(id_, "done", 60)
    assert work.check_cost(id_, provider) > 36_000


@pytest.mark.alone
def test_a_request_whose_tool_was_killed_is_a_named_difference(llm: Server, stage: CliStage) -> None:
    """opencode reports a request's cost only after its tools have ended."""
    provider = llm(slow={"turns": [write_turn("a", usage=USAGE), command_turn("sleep 30", usage=USAGE), text_turn()]})
    played = stage.play(opencode(provider.url("slow")), enough=lambda events: False, seconds=10)
    assert played.cost == 12_000 and provider.cost() == 24_000
    assert [difference.message[:10] for difference in played.of(Discrepancy)] == ["1 requests"]


def test_a_long_prompt_arrives(llm: Server, bench: Make) -> None:
    read = command_turn('wc -c < "$MUSTER_PROMPT_FILE" > size', usage=USAGE)
    provider = llm(long={"turns": [read, write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]})
    work = bench(opencode(provider.url("long")), verify=OK)
    id_ = work.add("write ok", "é" * 99_000)
    work.becomes(id_, "done", 40)
    assert work.check_cost(id_, provider) == 36_000 and int(work.merged("size")) > 190_000


def test_a_model_without_a_configured_price_is_priced_by_muster(llm: Server, stage: CliStage) -> None:
    provider = llm(ok={"usage": USAGE, "turns": [write_turn("ok"), text_turn()]})
    played = stage.play(gateway(provider.url("ok"), cost=None))
    assert [used.cost for used in played.of(Usage)] == [None, None] and played.cost == provider.cost()


@pytest.mark.parametrize("code", ERRORS)
def test_a_provider_that_refuses_has_a_name(llm: Server, stage: CliStage, code: str) -> None:
    provider = llm(no={"error": ERRORS[code], "turns": [text_turn()]})
    enough = (lambda events: code in named(events)) if code == "context_full" else None
    played = stage.play(gateway(provider.url("no")), enough=enough)
    assert named(played.events) == {code}


def test_a_provider_that_is_not_there_has_a_name(stage: CliStage) -> None:
    assert named(stage.play(gateway(UNREACHABLE)).events) == {"network"}


@pytest.mark.parametrize(
    ("model", "code"), [("gateway/other", "unknown_model"), ("anthropic/claude-sonnet-4-5", "auth")], ids=["model", "key"]
)
def test_a_missing_model_or_key_has_a_failure_code(stage: CliStage, model: str, code: str) -> None:
    assert stage.play({**gateway(UNREACHABLE), "model": model}).failures == [code]


def test_a_denied_tool_has_a_failure_code(llm: Server, stage: CliStage) -> None:
    provider = llm(no={"turns": [command_turn("date > ok"), text_turn("I could not.")]})
    played = stage.play(gateway(provider.url("no"), settings={"permission": {"*": "ask"}}))
    assert played.failures == ["permission_denied"]


def test_a_conversation_that_is_gone_has_a_name(llm: Server, stage: CliStage) -> None:
    provider = llm(ok={"turns": [write_turn("ok"), text_turn()]})
    thread = stage.play(gateway(provider.url("ok"))).thread
    assert thread
    gone = type(thread)("ses_0000000000000000000000000", thread.totals)
    assert stage.play(gateway(provider.url("ok")), thread=gone).failures == ["thread_lost"]


def playing(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    return gateway(provider.url(scenario), cost=None, **more)


@pytest.mark.parametrize("code", refusals.CASES)
def test_an_unavailable_provider_is_waited_for(code: str, llm: Server, bench: Make) -> None:
    refusals.check(code, llm, bench, playing, USAGE)


@pytest.mark.parametrize("state", stopping.STATES)
def test_a_stop_leaves_no_process(state: str, llm: Server, bench: Make) -> None:
    stopping.check(state, llm, bench, playing, USAGE)
