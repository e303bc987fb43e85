"""Each CLI in a sandbox whose only way out is the proxy, and behind it the gateway: it works without a key, resumes its conversation, and costs what the
provider counted, of each request before the next one."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.agents import (
    test_aider,
    test_claude_code,
    test_codex,
    test_gemini,
    test_mini_swe_agent,
    test_opencode,
    test_qwen,
)
from tests.agents.harness import Bench, command_turn, text_turn, write_turn
from tests.agents.llm import ScriptedLLM

CLIS = ("claude", "codex", "opencode", "gemini", "qwen", "aider", "mini")
USAGE = {"input": 2000, "output": 100, "cache_read": 1000}
OK = [{"name": "ok", "run": "grep -q yes ok"}]
END = text_turn("There it is.", usage=USAGE)
TWO = {"rounds": [[write_turn("one", usage=USAGE), END], [write_turn("ok", usage=USAGE), END]]}
AGENTS: dict[str, tuple[Callable[..., dict[str, Any]], dict[str, Any], int]] = {
    "claude_code": (test_claude_code.claude, TWO, 2),
    "codex": (test_codex.codex, TWO, 2),
    "opencode": (test_opencode.playing, TWO, 2),
    "gemini": (test_gemini.playing, TWO, 2),
    "qwen": (test_qwen.playing, TWO, 2),
    "aider": (test_aider.playing, {"turns": [write_turn("ok", usage=USAGE)]}, 1),
    "mini_swe_agent": (
        test_mini_swe_agent.playing,
        {"turns": [command_turn("test -f one && echo yes > ok; echo yes > one", usage=USAGE), test_mini_swe_agent.SUBMIT]},
        2,
    ),
}
"""By kind: its config, what the model does, and in how many rounds."""


@pytest.mark.parametrize("kind", AGENTS)
def test_its_rounds_cost_what_the_provider_counted(
    kind: str, llm: Callable[..., ScriptedLLM], bench: Callable[..., Bench]
) -> None:
    config, scenario, rounds = AGENTS[kind]
    provider = llm(own=scenario)
    work = bench(config(provider, "own"), verify=OK, sandbox={"network": "auto", "required": True}, gateway="auto")
    id_ = work.add("write ok", spec={"files_to_create": ["ok", "one"]})
    assert work.becomes(id_, "done", 60)["rounds_completed"] == rounds
    work.check_cost(id_, provider)
    assert [session["meter"] for session in work.sessions(id_)] == ["gateway"] * rounds
    log = work.log(work.sessions(id_)[0]["id"])
    assert "(implement): the gateway, Muster and what sandbox.allow names." in log
