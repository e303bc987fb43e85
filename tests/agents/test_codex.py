"""Codex in a real Muster: Muster prices its token counts, and the ledger equals the provider's count."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.agents import refusals, stopping
from tests.agents.harness import Bench, command_turn, text_turn, write_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import until
from tests.patience import PATIENCE

CLI = "codex"
USAGE = {"input": 2000, "output": 100, "cache_read": 1000}  # 3 625 micro-USD
COSTLY = {"input": 40_000, "output": 2000, "cache_read": 4000}  # 70 500 micro-USD
OK = [{"name": "ok", "run": "test -f ok"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def codex(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    env = {"OPENAI_BASE_URL": f"{provider.url(scenario)}/v1", "OPENAI_API_KEY": "stub-key"}
    return {"kind": "codex", "model": "gpt-5", "env": env, **more}


def threads(work: Bench, id_: str) -> list[str]:
    """The threads that Codex keeps for an entry."""
    home = work.up.data / "homes" / id_ / "codex"
    return sorted(file.stem[-36:] for file in home.glob(".codex/sessions/*/*/*/rollout-*.jsonl"))


def test_it_is_resumed_twice_and_its_growing_totals_cost_what_the_provider_counted(llm: Server, bench: Make) -> None:
    rounds = [[write_turn(f"f{n}", usage=USAGE), text_turn(f"Round {n}.", usage=USAGE)] for n in range(2)]
    provider = llm(
        three={"rounds": [*rounds, [write_turn("ok", usage=USAGE), command_turn("cat ok", usage=USAGE), text_turn(usage=USAGE)]]}
    )
    work = bench(codex(provider, "three"), verify=OK)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 3
    assert work.check_cost(id_, provider) == 7 * 3_625
    assert [row["round"] for row in work.ledger(id_)] == [1, 1, 2, 2, 3, 3, 3], "one row for each request"
    assert {row["price_source"] for row in work.ledger(id_)} == {"computed"} and len(threads(work, id_)) == 1
    assert [request["round"] for request in provider.log()] == [0, 0, 1, 1, 2, 2, 2], "each round knew those before it"
    assert work.merged("ok") == "yes" and work.rounds(id_)[0]["summary"] == "Round 0."


@pytest.mark.alone
def test_a_reservation_grows_during_the_session_and_stops_at_the_ceiling(llm: Server, bench: Make) -> None:
    again = command_turn("date >> loop", usage=COSTLY)
    provider = llm(slices={"latency_ms": 300, "rounds": [[again] * 40, [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]]})
    work = bench(codex(provider, "slices"), verify=OK, hold_slice_usd=0.2, round_ceiling_usd=0.5)
    id_ = work.add("loop", budget_usd=0.5)
    assert work.becomes(id_, "blocked", 60)["reasons"][0]["code"] == "budget_exceeded"
    assert work.check_cost(id_, provider) == 8 * 70_500  # the eighth crosses $0.50


@pytest.mark.alone
def test_a_looping_agent_stops_at_its_reservation_and_its_thread_continues_with_more(llm: Server, bench: Make) -> None:
    """$0.25 and requests of $0.0705: the fourth exceeds it. Codex has no limit of its own."""
    again = command_turn("date >> loop", usage=COSTLY)
    provider = llm(loop={"latency_ms": 400, "rounds": [[again] * 40, [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]]})
    work = bench(codex(provider, "loop"), verify=OK)
    id_ = work.add("loop", budget_usd=0.25)
    assert work.becomes(id_, "blocked", 40)["reasons"][0]["code"] == "budget_exceeded"
    assert work.session(id_)["status"] == "out_of_money"
    assert work.check_cost(id_, provider) == 282_000, "an agent that goes on for 0.4 s makes a fifth request"
    before = threads(work, id_)
    work.call("PATCH", f"/budget/entries/{id_}", {"budget_usd": 2})
    work.becomes(id_, "done", 40)
    assert threads(work, id_) == before and len(before) == 1
    assert work.check_cost(id_, provider) == 282_000 + 2 * 3_625
    assert len(work.merged("loop").splitlines()) >= 3, "the work of the stopped session is kept"


def test_a_long_prompt_arrives(llm: Server, bench: Make) -> None:
    provider = llm(long={"turns": [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]})
    work = bench(codex(provider, "long"), verify=OK)
    id_ = work.add("write ok", "é" * 90_000)
    work.becomes(id_, "done", 40)
    assert work.check_cost(id_, provider) == 2 * 3_625


def test_a_model_without_a_price_settles_at_the_full_reservation(llm: Server, bench: Make) -> None:
    provider = llm(other={"turns": [write_turn("ok"), text_turn()]})
    work = bench(codex(provider, "other", model="no-such-model-9"), verify=OK, round_ceiling_usd=0.5)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 40)["spent_usd"] == 0.5
    assert work.session(id_)["unpriced_model"] == "no-such-model-9"


@pytest.mark.parametrize(
    "error",
    [
        {"status": 401, "type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect API key provided"},
        {"status": 429, "type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your current quota"},
        {"status": 429, "type": "rate_limit_exceeded", "message": "tomorrow"},
    ],
    ids=["a refused key", "no credit", "a limit without an end"],
)
def test_an_error_that_waiting_cannot_fix_ends_at_once(llm: Server, bench: Make, error: dict[str, Any]) -> None:
    provider = llm(no={"error": error, "turns": [text_turn()]})
    work = bench(codex(provider, "no"), verify=OK)
    id_ = work.add("anything")
    until(lambda: work.entry(id_)["session_ids"] and work.sessions(id_)[0]["ended_at"], 15, every=0.1)
    assert work.spent(id_) == 0
    assert len(provider.log()) <= 2 * len(work.sessions(id_)), "not six attempts"


@pytest.mark.parametrize(("status", "more"), [(429, {"retry_after": 1}), (529, {})])
def test_a_provider_without_time_is_waited_for(llm: Server, bench: Make, status: int, more: dict[str, Any]) -> None:
    error = {"status": status, "type": "busy", "message": "not now", "times": 2, **more}
    provider = llm(busy={"turns": [write_turn("ok", usage=USAGE, error=error), text_turn(usage=USAGE)]})
    work = bench(codex(provider, "busy"), verify=OK)
    id_ = work.add("write ok")
    work.becomes(id_, "done", 60)
    assert len(work.sessions(id_)) == 1 and work.check_cost(id_, provider) == 2 * 3_625


def test_a_hanging_provider_ends_by_the_idle_limit_and_earlier_requests_are_booked(llm: Server, bench: Make) -> None:
    provider = llm(
        hang={
            "rounds": [
                [write_turn("kept", usage=USAGE), text_turn(hang="before")],
                [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)],
            ]
        }
    )
    work = bench(codex(provider, "hang", idle_timeout_s=3 * PATIENCE), verify=OK)
    id_ = work.add("write ok")
    work.becomes(id_, "done", 60)
    assert work.sessions(id_)[0]["status"] == "timed_out"
    assert work.check_cost(id_, provider) == 3 * 3_625 and work.merged("kept") == "yes"


def test_a_claim_without_changes_is_not_accepted(llm: Server, bench: Make) -> None:
    provider = llm(empty={"turns": [text_turn("I have finished the work.", usage=USAGE)]})
    work = bench(codex(provider, "empty"), verify=OK)
    id_ = work.add("write ok", budget_rounds=1)
    work.becomes(id_, "failed", 40)
    assert work.check_cost(id_, provider) > 0


def test_a_killed_worker_loses_no_cent_and_books_none_twice(llm: Server, bench: Make) -> None:
    provider = llm(
        kill={
            "rounds": [
                [write_turn("kept", usage=USAGE), text_turn(hang="before")],
                [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)],
            ]
        }
    )
    work = bench(codex(provider, "kill"), verify=OK)
    id_ = work.add("write ok")
    until(lambda: len(provider.log()) == 2, 60, every=0.02)  # the first is answered, perhaps not booked yet
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    work.becomes(id_, "done", 60)
    assert work.sessions(id_)[0]["status"] == "lost"
    assert work.check_cost(id_, provider) == 3 * 3_625


@pytest.mark.parametrize("state", stopping.STATES)
def test_a_stop_leaves_no_process(llm: Server, bench: Make, state: str) -> None:
    stopping.check(state, llm, bench, codex, USAGE)


@pytest.mark.parametrize("code", refusals.CASES)
def test_a_provider_that_refuses_uses_up_no_round(llm: Server, bench: Make, code: str) -> None:
    refusals.check(code, llm, bench, codex, USAGE)
