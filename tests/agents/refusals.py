"""A provider that refuses a real CLI: the failure code, no round used, a visible reason, and a continuation once it is fixed."""

from collections.abc import Callable
from typing import Any

from tests.agents.harness import Bench, text_turn, write_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import until

Make = Callable[..., Bench]
Server = Callable[..., ScriptedLLM]
Agent = Callable[..., dict[str, Any]]

CASES = {
    "auth": {"status": 401, "type": "authentication_error", "message": "invalid x-api-key"},
    "rate_limited": {"status": 429, "type": "rate_limit_error", "message": "too many requests"},
    "overloaded": {"status": 529, "type": "overloaded_error", "message": "Overloaded"},
}


def check(
    code: str, llm: Server, bench: Make, agent: Agent, usage: dict[str, int], *, last: dict[str, Any] | None = None
) -> None:
    """`last`: the model's final turn, for CLIs that do not end with a text answer."""
    error = {**CASES[code], "times": 1000}
    good = [write_turn("ok", usage=usage), last or text_turn(usage=usage)]
    provider = llm(refused={"turns": [text_turn(error=error)]}, fixed={"turns": good})
    work = bench(agent(provider, "refused", provider_patience_s=2), verify=[{"name": "ok", "run": "test -f ok"}])
    id_ = work.add("write ok")
    until(lambda: "unavailable" in [session["status"] for session in work.sessions(id_)], 60, every=0.1)
    first = work.sessions(id_)[0]
    assert first["failure"] == code, first["stop_reason"]
    entry = work.entry(id_)
    assert (entry["status"] != "failed", entry["rounds_completed"], work.spent(id_)) == (True, 0, 0)
    until(lambda: [session["code"] for session in work.entry(id_)["reasons"]] == ["agent_unavailable"], 30, every=0.05)
    if code == "auth":  # no session could work
        state = work.call("GET", "/executor/agent")
        assert state["code"] == "auth" and "Set a valid key" in state["message"]
    work.call("PATCH", "/config", {"agent": agent(provider, "fixed")})
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 1
    assert work.call("GET", "/executor/agent")["code"] is None
    work.check_cost(id_, provider, "fixed")
