"""The configuration of a workspace.

`config` is the config with its parts. `difference` compares two
configs. `secrets` seals, unseals and masks secrets; `credentials` have keys, base URLs and limits. `circuit_breaker` pauses agents while their
provider is unavailable. `workspace_setup` makes a workspace of a repository, `cloning` fetches it.
"""

from orchestration.configuration.config.agents import (
    DEFAULT,
    Agent,
    Expander,
    Interceptor,
    Orchestrator,
    Planner,
    Proposer,
    Verifier,
)
from orchestration.configuration.config.approve import Approve
from orchestration.configuration.config.checks import JUDGES, Check
from orchestration.configuration.config.fields import Command, micro
from orchestration.configuration.config.forge import Forge
from orchestration.configuration.config.json_form import as_json, load, merged, of_session, stored, unknown, without_values
from orchestration.configuration.config.routes import Step
from orchestration.configuration.config.sandbox import Limits, Sandbox
from orchestration.configuration.config.workspace import Config, Push, envs

__all__ = [
    "DEFAULT",
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
    "Step",
    "Verifier",
    "as_json",
    "envs",
    "load",
    "merged",
    "micro",
    "of_session",
    "stored",
    "unknown",
    "without_values",
]
