"""The configuration of a workspace.

`config` is the config with its parts. `agent_kinds` lists the agents. `prompt_templates` checks and renders prompts. `difference` compares two
configs. `secrets` seals, unseals and masks secrets. `circuit_breaker` pauses agents while their provider is unavailable. `workspace_setup`
makes a workspace of a repository; `repository_check` inspects the repository first, `cloning` fetches it.
"""

from orchestration.configuration.config import (
    JUDGES,
    Agent,
    Approve,
    Check,
    Command,
    Config,
    Expander,
    Forge,
    Interceptor,
    Limits,
    Orchestrator,
    Planner,
    Proposer,
    Push,
    Sandbox,
    Verifier,
    as_json,
    envs,
    load,
    merged,
    micro,
    stored,
    unknown,
    without_values,
)

__all__ = [
    "JUDGES",
    "Agent",
    "Approve",
    "Check",
    "Command",
    "Config",
    "Expander",
    "Forge",
    "Interceptor",
    "Limits",
    "Orchestrator",
    "Planner",
    "Proposer",
    "Push",
    "Sandbox",
    "Verifier",
    "as_json",
    "envs",
    "load",
    "merged",
    "micro",
    "stored",
    "unknown",
    "without_values",
]
