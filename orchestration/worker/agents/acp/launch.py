"""Agents that speak the Agent Client Protocol: how our client starts them. Observed behaviour: docs/reference/agents.md."""

import json
import sys
from pathlib import Path
from typing import Any

from orchestration.configuration import Agent
from orchestration.processes.kill_sequence import Step
from orchestration.sessions import supervise
from orchestration.worker.agents.acp.reader import Reader
from orchestration.worker.agents.shared import conversation_ids
from orchestration.worker.agents.shared.interface import Launch, Task, Traits
from workspaces.machine import release

CLIENT = Path(__file__).with_name("client.py")

TRAITS = Traits(
    binary="",
    install="",
    cost="reported",
    live=False,
    resumes=True,
    version=(),
    programs=(sys.executable, str(CLIENT)),
    # TERM cancels the turn: the agent then says what the turn cost.
    kill_sequence=(Step("TERM", "leader", 0.0), Step("TERM", "all", 2.5), Step("KILL", "all", 3.5)),
    ignored_prefixes=('{"type": "alive"', '{"type": "prompted"'),
)


def start(task: Task) -> Launch:
    return _launch(task)


def resume(task: Task) -> Launch:
    """A conversation whose last turn was cut off begins anew: that turn is charged, and the agent's next total would have it again."""
    thread = conversation_ids.resumable_thread(task)
    return _launch(task, session=thread.id, lost=Reader(task).is_cut_off) if thread else start(task)


def reader(task: Task) -> Reader:
    return Reader(task)


def _launch(task: Task, **conversation: Any) -> Launch:
    return Launch(_client(task.agent, task.cwd, prompt_file=str(task.prompt_file), **conversation))


def trial(agent: Agent, cwd: Path) -> list[str]:
    """The command that only asks the agent who it is."""
    return _client(agent, cwd)


def _client(agent: Agent, cwd: Path, **options: Any) -> list[str]:
    """Raises ValueError without a command."""
    if agent.command is None:
        raise ValueError("agent.command is not set: it starts the agent, such as opencode acp")
    options |= {
        "command": [*supervise.argv_of(agent.command), *agent.args],
        "cwd": str(cwd),
        "model": agent.model or "",
        "version": release.NUMBER,
        **agent.acp_settings.model_dump(exclude_none=True),
    }
    return [sys.executable, "-I", str(CLIENT), json.dumps(options)]
