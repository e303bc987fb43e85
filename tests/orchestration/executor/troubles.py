"""The agents of a plan's input, with an open circuit breaker."""

from orchestration.configuration.provider_trouble import ModelAccess
from orchestration.executor.agent_choice import Agents, Terms, Trouble

KEY, OTHER = ModelAccess("KEY", "sonnet"), ModelAccess("OTHER_KEY", "gpt")


def in_trouble(code: str = "auth", message: str = "", wait_s: float = 0.0) -> Agents:
    """The only agent has this trouble."""
    return Agents({"": Terms(needed=frozenset({KEY}))}, {KEY: Trouble(code, message, wait_s)})


def with_fallback(wait_s: float, other_wait_s: float | None = None) -> Agents:
    """The usual agent is limited and falls back on `other`, which may be limited as well."""
    troubles = {KEY: Trouble("rate_limited", "The provider limits the rate.", wait_s)}
    if other_wait_s is not None:
        troubles[OTHER] = Trouble("quota", "No credit.", other_wait_s)
    return Agents(
        {"": Terms(needed=frozenset({KEY}), chain=("", "other")), "other": Terms(needed=frozenset({OTHER}), chain=("other",))},
        troubles,
    )
