"""Credentials and families of models: a provider limits one of each together. Pure.

Limits of the rate and of the plan are kept by providers for one credential and one family; a refused key or an empty account concerns all its
models. A program that is missing concerns no credential: it is named in place of one.
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
OF_CREDENTIAL = frozenset({"auth", "quota", "network"})
OF_PROGRAM = frozenset({"cli_missing", "cli_refused"})
_ADDRESSES = ("_URL", "_BASE", "_ENDPOINT")
MAX_CHARS = 200


def family(model: str | None) -> str:
    """The family of a model: its name without the provider, the version and the date, as "sonnet" of "anthropic/claude-sonnet-4-5-20250929"."""
    words = re.split(r"[^a-z0-9]+", (model or "").lower().rsplit("/", 1)[-1])
    kept = [word for word in words if re.search(r"[a-z]", word) and word not in ("claude", "latest", "preview")]
    return "-".join(kept)[:100] or USUAL_MODEL


def credential(agent: Agent, name: str, config: Config, secrets: Collection[str]) -> str:
    """The name of the credential that an agent of the config uses: the one that it names, its variable, or the login of its program. Agents with one value in their
    env have one credential; a secret of the workspace is one, whatever agent uses it. `secrets`: their names."""
    if agent.credential is not None:
        return agent.credential
    address = _address(agent)
    at = f" at {_place(address)}" if address else ""
    for variable in variables(agent):
        if variable in secrets:
            return f"{variable}{at}"[:MAX_CHARS]
        if value := agent.env.get(variable):
            owner = next((other for other, its in config.by_name.items() if its.env.get(variable) == value), name)
            return f"{variable} of {owner or DEFAULT}{at}"[:MAX_CHARS]
    whose = (
        f"{agent.kind} {name or DEFAULT}" if agent.kind not in agent_kinds.KEYS else f"login of {agent_kinds.title(agent.kind)}"
    )
    return f"{whose}{at}"[:MAX_CHARS]


def of_agent(agent: Agent, name: str, config: Config, secrets: Collection[str]) -> ModelAccess:
    return ModelAccess(credential(agent, name, config, secrets), family(agent.model))


def of_role(part: AgentRole, role: str, config: Config, secrets: Collection[str]) -> ModelAccess:
    """The access of a role's agent: a named one has that of its name."""
    return of_agent(part.acting_agent, part.agent_name or role, config, secrets)


def concerned(code: str, access: ModelAccess, agent: Agent) -> ModelAccess:
    """The access that a failure of this name closes."""
    if code in OF_PROGRAM:
        return program(agent)
    return ModelAccess(access.credential, ALL_MODELS) if code in OF_CREDENTIAL else access


def program(agent: Agent) -> ModelAccess:
    own = (
        agent_kinds.title(agent.kind)
        if agent.command is None
        else str(agent.command if isinstance(agent.command, str) else agent.command[0])
    )
    return ModelAccess(f"program of {own}"[:MAX_CHARS], ALL_MODELS)


def needed(agents: Iterable[tuple[Agent, ModelAccess]]) -> frozenset[ModelAccess]:
    """The accesses that a session with these agents needs."""
    return frozenset(
        each for agent, access in agents for each in (access, ModelAccess(access.credential, ALL_MODELS), program(agent))
    )


def variables(agent: Agent) -> list[str]:
    """The variables that hold a key for its program, that of its model's provider first."""
    provider, has_provider, _ = (agent.model or "").partition("/")
    first = {"google": "GEMINI"}.get(provider.lower(), provider.upper()) if has_provider else ""
    return sorted(agent_kinds.KEYS.get(agent.kind, ()), key=lambda variable: not (first and variable.startswith(f"{first}_")))


def _address(agent: Agent) -> str:
    """The first address that its env or its settings name, in these that of its model's provider. Empty: its program's own."""
    in_env = [value for variable, value in sorted(agent.env.items()) if variable.endswith(_ADDRESSES) and value]
    provider = str(agent.settings.get("model_provider") or (agent.model or "").partition("/")[0])
    in_settings = sorted(_addresses(agent.settings, ()), key=lambda named: provider not in named[0])
    return next(iter([*in_env, *(value for _, value in in_settings)]), "")


def _addresses(settings: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The base URLs in a program's settings, with the keys that lead there."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _addresses(value, (*path, str(key)))
        elif isinstance(value, str) and value and str(key).lower().replace("_", "") == "baseurl":
            yield path, value


def _place(address: str) -> str:
    """The host and the path of an address, without a password in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address[:80]
    return f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"[:80] or address[:80]
