"""The configuration of a workspace, its secrets, and how a repository becomes a workspace."""

from orchestration.configuration.config import (
    JUDGES,
    Agent,
    Check,
    Command,
    Config,
    Interceptor,
    Push,
    Verifier,
    as_json,
    envs,
    load,
    merged,
    micro,
    stored,
    without_values,
)

__all__ = [
    "JUDGES",
    "Agent",
    "Check",
    "Command",
    "Config",
    "Interceptor",
    "Push",
    "Verifier",
    "as_json",
    "envs",
    "load",
    "merged",
    "micro",
    "stored",
    "without_values",
]
