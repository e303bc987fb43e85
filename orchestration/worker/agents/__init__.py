"""The agents that Muster can run: one package per CLI, with `launch` (how to start it) and `reader` (how to read its output).

To add one: a package of the shape in shared/interface.py, and a row here (docs/how-to/add-an-agent.md).
"""

from orchestration.configuration import Config
from orchestration.worker.agents import acp, aider, claude_code, codex, command, gemini, mini_swe_agent, opencode, qwen
from orchestration.worker.agents.shared.interface import Kind

KINDS: dict[str, Kind] = {
    "command": command,
    "acp": acp,
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
    """The programs of a workspace's agents, apart from those that its config names."""
    traits = [for_kind(agent.kind).TRAITS for agent in config.every_agent]
    return [program for each in traits for program in (each.binary, *each.programs) if program]
