"""Claude Code in a real Muster: the ledger equals the provider's count, also after failures."""

import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.agents import refusals, short_money, stopping
from tests.agents.harness import Bench, command_turn, text_turn, write_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import until
from tests.patience import PATIENCE

CLI = "claude"
MODEL = "claude-sonnet-4-5"
USAGE = {"input": 2000, "output": 100, "cache_read": 10_000, "cache_write": 400}  # 12 000 micro-USD
COSTLY = {"input": 1000, "output": 1000, "cache_read": 50_000, "cache_write": 10_000}  # 70 500 micro-USD
OK = [{"name": "ok", "run": "test -f ok"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def claude(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    env = {"ANTHROPIC_BASE_URL": provider.url(scenario), "ANTHROPIC_API_KEY": "stub-key"}
    return {"kind": "claude_code", "model": MODEL, "env": env, **more}


def threads(work: Bench, id_: str) -> list[str]:
    """The conversations that Claude Code keeps for an entry."""
    home = work.up.data / "homes" / id_ / "claude_code"
    return sorted(file.stem for file in home.glob(".claude/projects/*/*.jsonl"))


def ended(work: Bench, id_: str) -> float:
    """The end of the entry's last session, in seconds since the epoch."""
    return datetime.fromisoformat(work.session(id_)["ended_at"]).timestamp()


def test_two_rounds_in_one_conversation_cost_what_the_provider_counted(llm: Server, bench: Make) -> None:
    """The first round's check fails; the second continues the same conversation, and its sum covers only itself."""
    provider = llm(
        two={
            "rounds": [
                [write_turn("one", usage=USAGE), command_turn("cat one", usage=USAGE), text_turn("I forgot ok.", usage=USAGE)],
                [write_turn("ok", usage=USAGE), text_turn("Now it is there.", usage=USAGE)],
            ]
        }
    )
    work = bench(claude(provider, "two"), verify=OK)
    id_ = work.add("write ok")
    entry = work.becomes(id_, "done", 60)
    assert work.check_cost(id_, provider) == 60_000
    assert entry["rounds_completed"] == 2 and len(threads(work, id_)) == 1
    assert [request["round"] for request in provider.log()] == [0, 0, 0, 1, 1], "the second round knew the first"
    assert [row["round"] for row in work.ledger(id_)] == [1, 1, 1, 2, 2], "one row for each request"
    assert (work.merged("one"), work.merged("ok")) == ("yes", "yes")
    assert work.rounds(id_)[1]["summary"] == "Now it is there."


def test_it_is_resumed_twice(llm: Server, bench: Make) -> None:
    rounds = [[write_turn(f"f{n}", usage=USAGE), text_turn(usage=USAGE)] for n in range(2)]
    provider = llm(three={"rounds": [*rounds, [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]]})
    work = bench(claude(provider, "three"), verify=OK)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 3
    assert work.check_cost(id_, provider) == 72_000 and len(threads(work, id_)) == 1


@pytest.mark.alone
@pytest.mark.parametrize("by", ["itself", "muster"])
def test_a_looping_agent_stops_at_its_reservation_and_its_conversation_continues_with_more(
    llm: Server, bench: Make, by: str
) -> None:
    """$0.25 and requests of $0.0705: the fourth exceeds it. Claude Code stops at its own limit, or Muster stops it."""
    again = command_turn("date >> loop", usage=COSTLY)
    provider = llm(loop={"latency_ms": 400, "rounds": [[again] * 40, [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]]})
    agent = claude(provider, "loop")
    if by == "muster":  # another's model somewhere: then it is given no limit of its own
        agent["env"]["ANTHROPIC_DEFAULT_HAIKU_MODEL"] = "another-model"
    work = bench(agent, verify=OK)
    id_ = work.add("loop", budget_usd=0.25)
    assert work.becomes(id_, "blocked", 40)["reasons"][0]["code"] == "budget_exceeded"
    assert work.session(id_)["status"] == "out_of_money"
    assert work.check_cost(id_, provider) == 282_000
    crossed = provider.log()[3]
    late = ended(work, id_) - (crossed["ts"] + crossed["seconds"])
    print(f"\nended {late:.2f} s after the request that crossed the hold")
    assert late < 1, "stopped and committed"
    before = threads(work, id_)
    work.call("PATCH", f"/budget/entries/{id_}", {"budget_usd": 2})
    work.becomes(id_, "done", 40)
    assert threads(work, id_) == before and len(before) == 1
    assert work.check_cost(id_, provider) == 306_000
    assert len(work.merged("loop").splitlines()) >= 3, "the work of the stopped session is kept"


def test_a_session_with_a_growing_reservation_is_resumed(llm: Server, bench: Make) -> None:
    """It gets a limit of $0.25 and stops there; its reservation has grown meanwhile, so it continues in the same session."""
    again = command_turn("date >> loop", usage=COSTLY)
    provider = llm(slices={"latency_ms": 200, "rounds": [[again] * 40, [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]]})
    work = bench(claude(provider, "slices"), verify=OK, hold_slice_usd=0.25, round_ceiling_usd=2)
    id_ = work.add("loop", budget_usd=2)
    until(lambda: work.call("GET", "/budget/holds")["holds"], 15, every=0.02)
    assert work.call("GET", "/budget/holds")["holds"][0]["amount_usd"] in (0.25, 0.5)
    work.becomes(id_, "done", 60)
    assert len(work.sessions(id_)) == 1 and len(threads(work, id_)) == 1
    assert work.check_cost(id_, provider) == 306_000
    assert work.call("GET", "/budget/holds")["held_usd"] == 0


def test_ten_tasks_that_money_is_just_enough_for_all_land_and_pay_each_request_once(llm: Server, bench: Make) -> None:
    provider = llm(**short_money.scenarios(latency_ms=300))
    env = {"ANTHROPIC_BASE_URL": provider.address, "ANTHROPIC_API_KEY": "stub-key"}
    agent = {"kind": "claude_code", "model": short_money.MODEL, "env": env}
    work = bench(agent, verify=[{"name": "ok", "run": "true"}], max_workers=10, round_ceiling_usd=4)
    work.call("PATCH", "/budget", {"max_project_spend_usd": 4.5})
    ids = [entry["id"] for entry in work.call("POST", "/todo/entries", {"entries": short_money.entries()})["entries"]]
    for id_ in ids:
        work.becomes(id_, "done", 120)
    assert [work.spent(id_) for id_ in ids] == [short_money.COST] * short_money.TASKS
    assert len(provider.log()) == short_money.REQUESTS * short_money.TASKS
    assert [len(work.entry(id_)["session_ids"]) for id_ in ids] == [1] * short_money.TASKS


def test_a_subagents_requests_are_counted(llm: Server, bench: Make) -> None:
    delegate = {"name": "Task", "input": {"description": "d", "prompt": "do your part", "subagent_type": "general-purpose"}}
    provider = llm(sub={"usage": USAGE, "turns": [{"text": "I delegate.", "tools": [delegate]}, write_turn("ok"), text_turn()]})
    work = bench(claude(provider, "sub"), verify=OK)
    id_ = work.add("delegate")
    work.becomes(id_, "done", 60)
    assert work.check_cost(id_, provider) > 60_000


def test_a_long_prompt_arrives(llm: Server, bench: Make) -> None:
    provider = llm(long={"turns": [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)]})
    work = bench(claude(provider, "long"), verify=OK)
    id_ = work.add("write ok", "é" * 90_000)
    work.becomes(id_, "done", 40)
    assert work.check_cost(id_, provider) == 24_000


def test_a_model_without_a_price_settles_at_the_full_reservation(llm: Server, bench: Make) -> None:
    """Claude Code would assume $5 and $25 per million tokens."""
    provider = llm(other={"turns": [write_turn("ok"), text_turn()]})
    work = bench(claude(provider, "other", model="no-such-model-9"), verify=OK, round_ceiling_usd=0.5)
    id_ = work.add("write ok")
    assert work.becomes(id_, "done", 40)["spent_usd"] == 0.5
    assert work.session(id_)["unpriced_model"] == "no-such-model-9"


def test_a_file_of_another_entry_is_refused_before_it_is_changed(llm: Server, bench: Make) -> None:
    provider = llm(
        owner={"turns": [command_turn("date; sleep 8"), write_turn("ok"), text_turn()]},
        intruder={"turns": [write_turn("mine", "2\n"), write_turn("other"), text_turn()]},
    )
    work = bench(claude(provider, "owner"), verify=[{"name": "other", "run": "test -f ok || test -f other"}])
    owner = work.add("[[scenario:owner]]", spec={"files_to_modify": ["mine"]})
    until(lambda: owner in work.call("GET", "/executor/locks"), 15, every=0.1)
    env = claude(provider, "intruder")["env"]
    work.call("PATCH", "/config", {"agent": {"env": env}})
    intruder = work.add("take mine", spec={"files_to_modify": ["other"]})
    work.becomes(intruder, "done", 40)
    assert f"belongs to #1 [[scenario:owner]] ({owner})" in work.log(work.entry(intruder)["session_ids"][0])
    assert work.merged("mine") == "" and work.merged("other") == "yes"


@pytest.mark.parametrize(
    "error",
    [
        {"status": 401, "type": "authentication_error", "message": "invalid x-api-key"},
        {"status": 429, "type": "rate_limit_error", "message": "tomorrow", "retry_after": 7000},
    ],
    ids=["a refused key", "a limit until tomorrow"],
)
def test_an_error_that_waiting_cannot_fix_ends_at_once(llm: Server, bench: Make, error: dict[str, Any]) -> None:
    provider = llm(no={"error": error, "turns": [text_turn()]})
    work = bench(claude(provider, "no"), verify=OK)
    id_ = work.add("anything")
    until(lambda: work.entry(id_)["session_ids"] and work.sessions(id_)[0]["ended_at"], 15, every=0.1)
    assert work.spent(id_) == 0
    assert len(provider.log()) <= 2 * len(work.sessions(id_)), "not ten attempts"


@pytest.mark.parametrize(("status", "type_"), [(429, "rate_limit_error"), (529, "overloaded_error")])
def test_a_provider_without_time_is_waited_for(llm: Server, bench: Make, status: int, type_: str) -> None:
    error = {"status": status, "type": type_, "message": "not now", "times": 2}
    provider = llm(busy={"turns": [write_turn("ok", usage=USAGE, error=error), text_turn(usage=USAGE)]})
    work = bench(claude(provider, "busy"), verify=OK)
    id_ = work.add("write ok")
    work.becomes(id_, "done", 40)
    assert len(work.sessions(id_)) == 1 and work.check_cost(id_, provider) == 24_000


def test_a_hanging_provider_ends_by_the_idle_limit_and_earlier_requests_are_booked(llm: Server, bench: Make) -> None:
    provider = llm(
        hang={
            "rounds": [
                [write_turn("kept", usage=USAGE), text_turn(hang="before")],
                [write_turn("ok", usage=USAGE), text_turn(usage=USAGE)],
            ]
        }
    )
    work = bench(claude(provider, "hang", idle_timeout_s=3 * PATIENCE), verify=OK)
    id_ = work.add("write ok")
    work.becomes(id_, "done", 60)
    assert work.sessions(id_)[0]["status"] == "timed_out"
    assert work.check_cost(id_, provider) == 36_000 and work.merged("kept") == "yes"


def test_a_claim_without_changes_is_not_accepted(llm: Server, bench: Make) -> None:
    provider = llm(empty={"turns": [text_turn("I have finished the work.", usage=USAGE)]})
    work = bench(claude(provider, "empty"), verify=OK)
    id_ = work.add("write ok", budget_rounds=1)
    assert work.becomes(id_, "failed", 40)["status"] == "failed"
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
    work = bench(claude(provider, "kill"), verify=OK)
    id_ = work.add("write ok")
    until(lambda: len(provider.log()) == 2, 60, every=0.02)  # the first is answered, its telemetry perhaps not booked yet
    os.kill(work.up.children()["sessions"], signal.SIGKILL)
    work.becomes(id_, "done", 60)
    assert work.sessions(id_)[0]["status"] == "lost"
    assert work.check_cost(id_, provider) == 36_000


@pytest.mark.parametrize("state", stopping.STATES)
def test_a_stop_leaves_no_process(llm: Server, bench: Make, state: str) -> None:
    stopping.check(state, llm, bench, claude, USAGE)


@pytest.mark.parametrize("code", refusals.CASES)
def test_a_provider_that_refuses_uses_up_no_round(llm: Server, bench: Make, code: str) -> None:
    refusals.check(code, llm, bench, claude, USAGE)
