"""The agents that Muster can run: a package each, for every kind of `configuration/agent_kinds.py` (docs/reference/agents.md)."""

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


def of(kind: str) -> Kind:
    """The package of a kind. Raises KeyError: config validation admits only these."""
    return KINDS[kind]
