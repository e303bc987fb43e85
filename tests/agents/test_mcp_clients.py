"""Claude Code and Codex of a person, as clients of a real Muster's /mcp: they add an entry, read why it waits, and ask for a plan."""

import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from config.up.children import die_with_parent
from tests.agents import clis
from tests.agents.cli_stage import BASE_ENVIRONMENT
from tests.agents.harness import Bench, text_turn
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import Client, Running
from tests.patience import PATIENCE

CLIS = ("claude", "codex")
Server = Callable[..., ScriptedLLM]
Make = Callable[..., Bench]


def claude(provider: ScriptedLLM, scenario: str, url: str, token: str) -> tuple[list[str], dict[str, str]]:
    headers = f'{{"Authorization": "Bearer {token}"}}'
    servers = f'{{"mcpServers": {{"muster": {{"type": "http", "url": "{url}", "headers": {headers}}}}}}}'
    shared = ["--mcp-config", servers, "--strict-mcp-config", "--model", "claude-sonnet-4-5", "--dangerously-skip-permissions"]
    environment = {
        "ANTHROPIC_BASE_URL": provider.url(scenario),
        "ANTHROPIC_API_KEY": "stub-key",
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "ENABLE_TOOL_SEARCH": "false",
    }
    return ["claude", "-p", "Do it", *shared], environment


def codex(provider: ScriptedLLM, scenario: str, url: str, token: str) -> tuple[list[str], dict[str, str]]:
    settings = {
        "model": "gpt-5",
        "model_provider": "stub",
        "model_providers.stub.name": "stub",
        "model_providers.stub.base_url": f"{provider.url(scenario)}/v1",
        "model_providers.stub.env_key": "STUB_KEY",
        "model_providers.stub.wire_api": "responses",
        "mcp_servers.muster.url": url,
        "mcp_servers.muster.bearer_token_env_var": "MUSTER_TOKEN",
    }
    options = [part for name, value in settings.items() for part in ("-c", f'{name}="{value}"')]
    words = ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", *options, "Do it"]
    return words, {"STUB_KEY": "x", "MUSTER_TOKEN": token}


@pytest.mark.parametrize(("client", "prefix"), [(claude, "mcp__muster__"), (codex, "")], ids=CLIS)
def test_a_persons_agent_adds_an_entry_reads_why_it_waits_and_asks_for_a_plan(
    muster: tuple[Running, Client, Path], llm: Server, bench: Make, tmp_path: Path, client: Callable[..., Any], prefix: str
) -> None:
    work = bench({"kind": "command", "command": "true"}, planner={"agent": {"command": "true"}, "run_usd": 0.1})
    work.call("POST", "/executor/pause")

    def turn(name: str, **given: Any) -> dict[str, Any]:
        return {
            "text": "I use Muster.",
            "tool": {"name": prefix + name, "input": {**given, "workspace": work.path.split("/")[2]}},
        }

    entries = {"entries": [{"content": "Count the days"}], "reason": "A person asked for it", "key": "once"}
    plan = turn("plan_goal", goal="Make it better", reason="A person asked for it", key="plan")
    turns = [turn("add_entries", **entries), turn("list_entries", q="days"), plan, text_turn()]
    provider = llm(**{f"mcp-{client.__name__}": {"turns": turns}})
    running = muster[0]
    words, environment = client(provider, f"mcp-{client.__name__}", f"http://127.0.0.1:{running.port}/mcp", running.token())
    outcome = subprocess.run(
        words,
        cwd=tmp_path,
        env={**BASE_ENVIRONMENT, "PATH": clis.path(), "HOME": str(tmp_path), "CODEX_HOME": str(tmp_path), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120 * PATIENCE,
        preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    (added,) = work.call("GET", "/todo")["entries"]
    (run,) = work.call("GET", "/runs")["runs"]
    assert added["content"] == "Count the days" and run["goal"] == "Make it better"
    assert any("executor_paused" in request["newest"] for request in provider.log()), "it has read why the entry waits"
