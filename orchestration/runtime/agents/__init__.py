"""The agents that Muster can run. Adding one is a module of the shape in interface.py and a row here."""

from orchestration.runtime.agents import claude_code, codex, command
from orchestration.runtime.agents.interface import Kind

KINDS: dict[str, Kind] = {"command": command, "claude_code": claude_code, "codex": codex}


def of(kind: str) -> Kind:
    """The module of a kind. Raises KeyError: config validation admits only these."""
    return KINDS[kind]
