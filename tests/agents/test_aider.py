"""aider: costs come from its analytics log, since its text output is rounded."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.worker.agents.shared.events import Discrepancy
from tests.agents import refusals
from tests.agents.cli_stage import CliStage
from tests.agents.errors import ERRORS, UNREACHABLE, named
from tests.agents.harness import Bench, text_turn, write_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import until

CLI = "aider"
USAGE = {"input": 2000, "output": 100, "cache_read": 4000}  # 4 000 micro-USD
OK = [{"name": "ok", "run": "grep -q yes ok"}]
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def aider(address: str, **more: Any) -> dict[str, Any]:
    env = {"OPENAI_API_BASE": f"{address}/v1", "OPENAI_API_KEY": "stub-key"}
    return {"kind": "aider", "model": "openai/gpt-5", "args": ["--edit-format", "diff"], "env": env, **more}


def test_two_rounds_cost_what_the_provider_counted_and_leave_nothing_of_aider(llm: Server, bench: Make) -> None:
    provider = llm(two={"turns": [write_turn("one", usage=USAGE)]})
    work = bench(aider(provider.url("two")), verify=OK)
    id_ = work.add("write ok", spec={"files_to_create": ["ok", "one"]})
    until(lambda: len(provider.log()) == 1, 60, every=0.1)
    provider.change(two={"turns": [write_turn("ok", usage=USAGE)]})
    assert work.becomes(id_, "done", 60)["rounds_completed"] == 2
    assert work.check_cost(id_, provider) == 8_000
    assert {row["price_source"] for row in work.ledger(id_)} == {"reported"}
    assert work.merged("ok") == "yes" and work.merged(".aider.tags.cache.v4/.gitignore") == "" and work.merged(".gitignore") == ""


@pytest.mark.parametrize("code", [code for code in ERRORS if code != "context_full"])
def test_a_provider_that_refuses_has_a_name(llm: Server, stage: CliStage, code: str) -> None:
    """It exits with 0."""
    provider = llm(no={"error": ERRORS[code], "turns": [text_turn()]})
    played = stage.play(aider(provider.url("no")))
    assert named(played.events) == {code} and played.cost == 0


def test_a_request_that_did_not_fit_is_not_booked_though_aider_counts_it(llm: Server, stage: CliStage) -> None:
    provider = llm(full={"error": ERRORS["context_full"], "turns": [text_turn()]})
    played = stage.play(aider(provider.url("full")))
    assert played.failures == ["context_full"] and played.cost == provider.cost() == 0
    assert [difference.amount > 0 for difference in played.of(Discrepancy)] == [True]


def test_a_provider_that_is_not_there_has_a_name(stage: CliStage) -> None:
    assert named(stage.play(aider(UNREACHABLE)).events) == {"network"}


def playing(provider: ScriptedLLM, scenario: str, **more: Any) -> dict[str, Any]:
    return aider(provider.url(scenario), **more)


@pytest.mark.parametrize("code", refusals.CASES)
def test_an_unavailable_provider_is_waited_for(code: str, llm: Server, bench: Make) -> None:
    refusals.check(code, llm, bench, playing, USAGE)
