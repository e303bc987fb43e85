"""The agents that Muster can run. Adding one is a module of the shape in interface.py and a row here."""

from orchestration.runtime.agents import command
from orchestration.runtime.agents.interface import Kind

KINDS: dict[str, Kind] = {"command": command}


def of(kind: str) -> Kind:
    """The module of a kind. Raises KeyError: config validation admits only these."""
    return KINDS[kind]
