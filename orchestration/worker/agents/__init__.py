"""The agents that Muster can run: one package per CLI, with `launch` (how to start it) and `reader` (how to read its output).

To add one: a package of the shape in shared/interface.py, and a row here (docs/how-to/add-an-agent.md).
"""

from orchestration.configuration import Config
from orchestration.worker.agents import aider, claude_code, codex, command, gemini, mini_swe_agent, opencode, qwen
from orchestration.worker.agents.shared.interface import Kind

KINDS: dict[str, Kind] = {
    "command": command,
    "claude_code": claude_code,
    "codex": codex,
    "opencode": opencode,
    "gemini": gemini,
    "qwen": qwen,
    "aider": aider,
    "mini_swe_agent": mini_swe_agent,
}


def for_kind(kind: str) -> Kind:
    """The module of a kind. Raises KeyError: config validation admits only these."""
    return KINDS[kind]


def binaries(config: Config) -> list[str]:
    """The programs of a workspace's agents; none for a command."""
    return [program for agent in config.every_agent if (program := for_kind(agent.kind).TRAITS.binary)]
