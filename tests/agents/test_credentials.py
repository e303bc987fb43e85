"""Each CLI that takes an address from a variable finds key and address of its credential, also in a sandbox whose only way out is the proxy."""

import itertools
from collections.abc import Callable

import pytest

from orchestration.configuration.config import agent_kinds
from tests.agents.harness import Bench
from tests.agents.llm import ScriptedLLM
from tests.agents.test_behind_the_proxy import AGENTS, CLIS, OK

__all__ = ["CLIS"]
KEY = "stub-key-of-the-credential"


@pytest.mark.parametrize(("kind", "gateway"), list(zip(agent_kinds.BASE_URLS, itertools.cycle(["auto", "off"]), strict=False)))
def test_it_works_with_the_key_and_the_address_of_its_credential(
    kind: str, gateway: str, llm: Callable[..., ScriptedLLM], bench: Callable[..., Bench]
) -> None:
    config, scenario, rounds = AGENTS[kind]
    provider = llm(own=scenario)
    usual = config(provider, "own")
    address = usual["env"].pop(agent_kinds.BASE_URLS[kind])
    without = {name: value for name, value in usual["env"].items() if name not in agent_kinds.KEYS[kind]}
    work = bench({"command": "false"}, verify=OK, sandbox={"network": "proxy", "required": True}, gateway=gateway)
    work.call("PUT", "/credentials/own", {"key": KEY, "base_url": address})
    work.call("PATCH", "/config", {"agents": {"served": usual | {"env": without, "credential": "own"}}})
    id_ = work.add("write ok", spec={"files_to_create": ["ok", "one"]}, agent="served")
    assert work.becomes(id_, "done", 60)["rounds_completed"] == rounds
    work.check_cost(id_, provider)
    assert all(KEY not in work.log(session["id"]) for session in work.sessions(id_))
    [row] = [row for row in work.call("GET", "/credentials")["credentials"] if row["name"] == "own"]
    assert row["agents"] == ["served"]
