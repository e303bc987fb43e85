"""The config of a workspace.

`workspace` is the whole of it. `agents`, `approve`, `checks`, `prompts` and `sandbox` are its parts; `fields` their shared types. `json_form` loads, stores and merges it,
`newer` reads one that a newer release stored.
"""

from orchestration.configuration.config.agents import Agent, Expander, Interceptor, Orchestrator, Planner, Proposer, Verifier
from orchestration.configuration.config.approve import Approve
from orchestration.configuration.config.checks import JUDGES, Check
from orchestration.configuration.config.fields import Command, micro
from orchestration.configuration.config.forge import Forge
from orchestration.configuration.config.json_form import as_json, load, merged, stored, unknown, without_values
from orchestration.configuration.config.sandbox import Limits, Sandbox
from orchestration.configuration.config.workspace import Config, Push, envs

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
