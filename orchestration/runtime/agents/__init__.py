"""The agents that Muster can run. Adding one is a module of this shape and a row here."""

from types import ModuleType

from orchestration.runtime.agents import command

KINDS: dict[str, ModuleType] = {"command": command}


def of(kind: str) -> ModuleType:
    """The module of a kind. Raises KeyError: config validation admits only these."""
    return KINDS[kind]
