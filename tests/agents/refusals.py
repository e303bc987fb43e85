"""A provider that refuses a real CLI: the named end, no round used, the reason where people look, and on it goes once it is mended."""

from collections.abc import Callable
from typing import Any

from tests.agents.harness import Bench, says, writes
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
    """`last`: how the model ends its work, where an answer is not enough."""
    error = {**CASES[code], "times": 1000}
    good = [writes("ok", usage=usage), last or says(usage=usage)]
    provider = llm(refused={"turns": [says(error=error)]}, mended={"turns": good})
    work = bench(agent(provider, "refused", provider_patience_s=2), verify=[{"name": "ok", "run": "test -f ok"}])
    id_ = work.add("write ok")
    until(lambda: "unavailable" in [one["status"] for one in work.sessions(id_)], 60, every=0.1)
    first = work.sessions(id_)[0]
    assert first["failure"] == code, first["stop_reason"]
    entry = work.entry(id_)
    assert (entry["status"] != "failed", entry["rounds_completed"], work.spent(id_)) == (True, 0, 0)
    until(lambda: [one["code"] for one in work.entry(id_)["reasons"]] == ["agent_unavailable"], 30, every=0.05)
    if code == "auth":  # nobody's session would work
        state = work.call("GET", "/executor/agent")
        assert state["code"] == "auth" and "Set a valid key" in state["message"]
    work.call("PATCH", "/config", {"agent": agent(provider, "mended")})
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 1
    assert work.call("GET", "/executor/agent")["code"] is None
    work.costs_what_it_cost(id_, provider, "mended")
