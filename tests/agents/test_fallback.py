"""Three real CLIs in one workspace, each with a key of its own, and a provider that refuses by key."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.agents.harness import Bench, command_turn, text_turn
from tests.agents.llm import ScriptedLLM
from tests.agents.test_claude_code import claude
from tests.agents.test_codex import codex
from tests.agents.test_opencode import opencode

CLIS = ("claude", "codex", "opencode")
USAGE = {"input": 2000, "output": 100}
OK = [{"name": "ok", "run": "ls ok-*"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def refuses(status: int, type_: str, message: str) -> dict[str, Any]:
    return {"turns": [text_turn(error={"status": status, "type": type_, "message": message, "times": 1000})]}


@pytest.mark.parametrize("gateway", ["off", "auto"])
def test_fallbacks_take_the_work_of_refused_agents_and_the_others_never_pause(gateway: str, llm: Server, bench: Make) -> None:
    """Claude Code is limited and falls back on Codex, which has no credit, and then on opencode. After its time each is tried once."""
    good = {"turns": [command_turn("echo yes > ok-$MUSTER_ENTRY_ID", usage=USAGE), text_turn(usage=USAGE)]}
    limit, poor = (
        refuses(429, "rate_limit_error", "Too many"),
        refuses(402, "insufficient_quota", "Your credit balance is too low"),
    )
    provider = llm(limited=limit, poor=poor, good=good)
    usual = claude(provider, "limited", provider_patience_s=2, fallback=["poor", "good"])
    others = {"poor": codex(provider, "poor", provider_patience_s=2), "good": opencode(provider.url("good"))}
    work = bench(usual, agents=others, verify=OK, max_workers=1, gateway=gateway)
    alone = work.add("write ok", agent="good")
    ids = [work.add("write ok") for _ in range(3)]
    assert [work.becomes(id_, "done", 60)["rounds_completed"] for id_ in (alone, *ids)] == [1, 1, 1, 1]
    assert {session["agent"] for session in work.sessions(alone)} == {"opencode"}
    failures = {(session["agent"], session["failure"]) for id_ in ids for session in work.sessions(id_)}
    assert failures == {("claude_code", "rate_limited"), ("codex", "quota"), ("opencode", None)}
    shown = work.call("GET", "/executor/agent")["agents"]
    assert [(row["name"], row["code"]) for row in shown] == [("default", "rate_limited"), ("poor", "quota"), ("good", None)]
    assert sum(work.spent(id_) for id_ in (alone, *ids)) == provider.cost()
    events = [event for event in work.call("GET", "/todo/events?after=0")["events"] if event["verb"] == "entry.agent_fell_back"]
    assert [event["object_id"] for event in events if event["data"]["agent"] == "good"] == ids
    assert len(events) == sum(session["agent"] != "claude_code" for id_ in ids for session in work.sessions(id_))
