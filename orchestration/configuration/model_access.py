"""Accesses: a credential with a model family, the scope of a provider's limits. Pure.

A rate or plan limit closes one credential and family. A refused key or an empty account closes all models. A missing program has an access of its own, by
its name.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from orchestration.configuration.config import agent_kinds
from orchestration.configuration.config.agents import DEFAULT, Agent, AgentRole
from orchestration.configuration.config.workspace import Config
from orchestration.configuration.provider_trouble import ALL_MODELS, ModelAccess

USUAL_MODEL = "usual"
CREDENTIAL_CODES = frozenset({"auth", "quota", "network"})
PROGRAM_CODES = frozenset({"cli_missing", "cli_refused"})
_URL_SUFFIXES = ("_URL", "_BASE", "_ENDPOINT")
MAX_CHARS = 200


def family(model: str | None) -> str:
    """The family of a model: its name without provider, version and date. "sonnet" for "anthropic/claude-sonnet-4-5-20250929"."""
    words = re.split(r"[^a-z0-9]+", (model or "").lower().rsplit("/", 1)[-1])
    kept = [word for word in words if re.search(r"[a-z]", word) and word not in ("claude", "latest", "preview")]
    return "-".join(kept)[:100] or USUAL_MODEL


def credential(agent: Agent, name: str, config: Config, secret_names: Collection[str]) -> str:
    """The name of an agent's credential: its own, its variable, or its program's login. Agents with equal values in their env share one, and so do all agents of a
    secret."""
    if agent.credential is not None:
        return agent.credential
    address = _base_url(agent)
    at = f" at {_host_and_path(address)}" if address else ""
    for variable in variables(agent):
        if variable in secret_names:
            return f"{variable}{at}"[:MAX_CHARS]
        if value := agent.env.get(variable):
            owner = next((other for other, its in config.by_name.items() if its.env.get(variable) == value), name)
            return f"{variable} of {owner or DEFAULT}{at}"[:MAX_CHARS]
    whose = (
        f"{agent.kind} {name or DEFAULT}" if agent.kind not in agent_kinds.KEYS else f"login of {agent_kinds.title(agent.kind)}"
    )
    return f"{whose}{at}"[:MAX_CHARS]


def of_agent(agent: Agent, name: str, config: Config, secret_names: Collection[str]) -> ModelAccess:
    return ModelAccess(credential(agent, name, config, secret_names), family(agent.model))


def of_role(part: AgentRole, role: str, config: Config, secret_names: Collection[str]) -> ModelAccess:
    """The access of a role's agent, or of the named agent."""
    return of_agent(part.acting_agent, part.agent_name or role, config, secret_names)


def closed_access(code: str, access: ModelAccess, agent: Agent) -> ModelAccess:
    """The access closed by a failure's code."""
    if code in PROGRAM_CODES:
        return program(agent)
    return ModelAccess(access.credential, ALL_MODELS) if code in CREDENTIAL_CODES else access


def program(agent: Agent) -> ModelAccess:
    own = (
        agent_kinds.title(agent.kind)
        if agent.command is None
        else str(agent.command if isinstance(agent.command, str) else agent.command[0])
    )
    return ModelAccess(f"program of {own}"[:MAX_CHARS], ALL_MODELS)


def needed(agents: Iterable[tuple[Agent, ModelAccess]]) -> frozenset[ModelAccess]:
    """The accesses required by a session with these agents."""
    return frozenset(
        each for agent, access in agents for each in (access, ModelAccess(access.credential, ALL_MODELS), program(agent))
    )


def variables(agent: Agent) -> list[str]:
    """The key variables of an agent's program, its model's provider first."""
    provider, has_provider, _ = (agent.model or "").partition("/")
    first = {"google": "GEMINI"}.get(provider.lower(), provider.upper()) if has_provider else ""
    return sorted(agent_kinds.KEYS.get(agent.kind, ()), key=lambda variable: not (first and variable.startswith(f"{first}_")))


def _base_url(agent: Agent) -> str:
    """The first base URL in an agent's env or settings, its model's provider first; empty: the program's default."""
    in_env = [value for variable, value in sorted(agent.env.items()) if variable.endswith(_URL_SUFFIXES) and value]
    provider = str(agent.settings.get("model_provider") or (agent.model or "").partition("/")[0])
    in_settings = sorted(_base_urls(agent.settings, ()), key=lambda named: provider not in named[0])
    return next(iter([*in_env, *(value for _, value in in_settings)]), "")


def _base_urls(settings: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The base URLs in a program's settings, with their JSON paths."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _base_urls(value, (*path, str(key)))
        elif isinstance(value, str) and value and str(key).lower().replace("_", "") == "baseurl":
            yield path, value


def _host_and_path(address: str) -> str:
    """The host and path of a URL, without its user info."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address[:80]
    return f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"[:80] or address[:80]
