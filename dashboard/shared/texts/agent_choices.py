"""The named agents of a config, as choices of an entry."""

from typing import Any

from orchestration import configuration
from orchestration.configuration.config import agent_kinds


def of(stored: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and words, the usual agent first, whose name is empty. Without another one there are no choices."""
    if not stored.get("agents"):
        return []
    described = [(name, agent_kinds.title(agent.kind), agent.model) for name, agent in configuration.load(stored).by_name.items()]
    return [(name, f"{name or 'Usual'}: {title}{f', {model}' if model else ''}") for name, title, model in described]
