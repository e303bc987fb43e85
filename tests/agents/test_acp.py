"""Agents that speak the Agent Client Protocol: opencode, which reports a conversation's cost, and Gemini CLI, which reports tokens."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from orchestration.processes import leftovers
from orchestration.worker.agents.acp.launch import CLIENT
from tests.agents import refusals, stopping
from tests.agents.cli_stage import CliStage
from tests.agents.harness import Bench, command_turn, text_turn, write_turn
from tests.agents.llm import PRICES, ScriptedLLM
from tests.faults.harness import until

CLIS = ("opencode", "gemini")
USAGE = {"input": 2000, "output": 100, "cache_read": 10_000, "cache_write": 400}  # 5250 micro-USD
OK = [{"name": "ok", "run": "test -f ok"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def opencode(address: str, *, permission: str = "allow", **more: Any) -> dict[str, Any]:
    """Its errors on stderr are the only sign that it waits for its provider."""
    cost = PRICES["gpt-5"]
    model = {"tool_call": True, "limit": {"context": 200_000, "output": 8000}, "cost": cost}
    own = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{address}/v1", "apiKey": "{env:GATEWAY_KEY}"},
        "models": {"gpt-5": model},
    }
    config = {"autoupdate": False, "share": "disabled", "provider": {"gateway": own}, "permission": {"*": permission}}
    config |= {"small_model": "gateway/gpt-5", "agent": {"title": {"disable": True}}}
    return {
        "kind": "acp",
        "command": ["opencode", "acp", "--print-logs", "--log-level", "ERROR"],
        "model": "gateway/gpt-5",
        "env": {"GATEWAY_KEY": "stub", "OPENCODE_CONFIG_CONTENT": json.dumps(config)},
        **more,
    }


def gemini(address: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "acp",
        "command": ["gemini", "--experimental-acp", "--skip-trust", "-m", "gemini-2.5-pro"],
        "model": "gemini-2.5-pro",
        "env": {"GEMINI_API_KEY": "stub", "GOOGLE_GEMINI_BASE_URL": address},
        **more,
    }


def playing(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    return opencode(provider.url(scenario), **more)


def test_two_rounds_in_one_conversation_cost_what_the_provider_counted(llm: Server, bench: Make) -> None:
    first = [write_turn("one", usage=USAGE), command_turn("cat one", usage=USAGE), text_turn("I forgot ok.", usage=USAGE)]
    provider = llm(two={"rounds": [first, [write_turn("ok", usage=USAGE), text_turn("Now it is there.", usage=USAGE)]]})
    work = bench(opencode(provider.url("two")), verify=OK)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 90)["rounds_completed"] == 2
    work.check_cost(id_, provider)
    assert [row["round"] for row in work.ledger(id_)] == [1, 2], "the protocol reports the cost of a turn"
    assert {row["price_source"] for row in work.ledger(id_)} == {"reported"}
    assert [request["round"] for request in provider.log()] == [0, 0, 0, 1, 1], "the second round knew the first"
    assert (work.merged("one"), work.merged("ok")) == ("yes", "yes")
    assert work.rounds(id_)[1]["summary"] == "Now it is there."


@pytest.mark.parametrize("state", ["tool"])
def test_a_stop_leaves_no_process(state: str, llm: Server, bench: Make) -> None:
    stopping.check(state, llm, bench, playing, USAGE)


@pytest.mark.parametrize("code", ["rate_limited"])
def test_an_unavailable_provider_is_waited_for(code: str, llm: Server, bench: Make) -> None:
    refusals.check(code, llm, bench, playing, USAGE)


def test_a_killed_client_costs_its_reservation_and_the_entry_begins_a_conversation_anew(llm: Server, bench: Make) -> None:
    """Nobody knows what the turn cost: the agent would have said so at its end."""
    hangs = [write_turn("kept", usage=USAGE), text_turn(hang="before")]
    provider = llm(kill={"turns": hangs})
    work = bench(opencode(provider.url("kill")), verify=OK, round_ceiling_usd=1)
    id_ = work.add("write ok")
    session = work.wait_for_session(id_)
    until(lambda: len(provider.log()) == 2, 60, every=0.02)
    provider.change(kill={"usage": USAGE, "turns": [write_turn("ok"), text_turn()]})
    clients = [pid for pid in leftovers.marked_pids(session) if str(CLIENT) in psutil.Process(pid).cmdline()[:3]]
    os.kill(*clients, signal.SIGKILL)
    work.becomes(id_, "done", 90)
    assert work.merged("kept") == "yes"
    assert [request["round"] for request in provider.log()] == [0, 0, 0, 0], (
        "no request of the new conversation knows the old one"
    )
    amounts = [row["amount_usd"] for row in work.ledger(id_)]
    assert amounts == [1, 0.0105], work.ledger(id_)


def test_a_killed_worker_books_no_cent_twice(llm: Server, bench: Make) -> None:
    provider = llm(kill={"turns": [write_turn("kept", usage=USAGE), text_turn(hang="before")]})
    work = bench(opencode(provider.url("kill")), verify=OK, round_ceiling_usd=1)
    id_ = work.add("write ok")
    until(lambda: len(provider.log()) == 2, 60, every=0.02)
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    provider.change(kill={"usage": USAGE, "turns": [write_turn("ok"), text_turn()]})
    work.becomes(id_, "done", 90)
    first, second = work.sessions(id_)
    assert first["status"] == "lost" and second["status"] == "passed"
    assert work.ledger(id_)[-1]["amount_usd"] == 0.0105 and work.spent(id_) >= provider.cost()
    assert work.merged("kept") == "yes"


def test_an_agent_that_asks_is_answered_and_one_that_is_denied_has_a_failure_code(llm: Server, stage: CliStage) -> None:
    provider = llm(ask={"usage": USAGE, "turns": [write_turn("ok"), text_turn()]})
    assert not stage.play(opencode(provider.url("ask"), permission="ask")).failures and (stage.work / "ok").exists()
    (stage.work / "ok").unlink()
    denied = stage.play(opencode(provider.url("ask"), permission="ask", settings={"permissions": "deny"}))
    assert denied.failures == ["permission_denied"] and not (stage.work / "ok").exists()


def test_gemini_cli_works_by_the_same_kind_and_is_priced_by_its_tokens(llm: Server, bench: Make) -> None:
    provider = llm(ok={"usage": {"input": 2000, "output": 100}, "turns": [write_turn("ok"), text_turn("Done.")]})
    work = bench(gemini(provider.url("ok")), verify=OK)
    id_ = work.add("write ok")
    work.becomes(id_, "done", 90)
    work.check_cost(id_, provider)
    assert {row["price_source"] for row in work.ledger(id_)} == {"computed"}
