"""The agents of a workspace with their open circuit breakers, for pages, the API and `proposals`."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.timezone import now

from orchestration import configuration
from orchestration.configuration import circuit_breaker, model_access, windows
from orchestration.configuration.config import agent_kinds
from orchestration.configuration.config.agents import DEFAULT, Agent, Proposer
from orchestration.configuration.config.workspace import Config
from orchestration.configuration.provider_trouble import ModelAccess
from orchestration.models import Credential, Executor, ProviderBreaker, Secret

PREDICATES = {
    "window": "is limited",
    "rate_limited": "is limited",
    "overloaded": "is overloaded",
    "network": "cannot be reached",
    "auth": "has a key that is refused",
    "quota": "has no credit",
    "unknown_model": "has an unknown model",
    "cli_missing": "is not installed",
    "cli_refused": "does not start",
}
"""Predicates of a sentence about an agent, by the breaker's code."""


@dataclass(frozen=True, slots=True)
class AgentState:
    """An agent, and its open breaker."""

    name: str  # in the config, or the reviewer's role
    agent: Agent
    access: ModelAccess
    breaker: ProviderBreaker | None = None
    is_required: bool = False  # nothing starts without it

    @property
    def predicate(self) -> str:
        return PREDICATES.get(self.breaker.code, "cannot work") if self.breaker else ""


@dataclass(frozen=True, slots=True)
class AgentStates:
    """The states of a workspace's agents."""

    implementing: list[AgentState]  # the default agent first
    reviewing: list[AgentState] = field(default_factory=list)

    @property
    def unavailable(self) -> list[AgentState]:
        return [state for state in (*self.implementing, *self.reviewing) if state.breaker]

    @property
    def available(self) -> list[AgentState]:
        return [] if self.standstill else [state for state in self.implementing if not state.breaker]

    @property
    def standstill(self) -> ProviderBreaker | None:
        """The breaker of a standstill: a required reviewer's, or the first one if all implementing agents are unavailable."""
        required = next((state.breaker for state in self.reviewing if state.breaker and state.is_required), None)
        all_open = all(state.breaker for state in self.implementing)
        return required or (self.implementing[0].breaker if all_open else None)


def of_executor(executor: Executor) -> AgentStates:
    """Two queries, and a third if there are breakers."""
    rows = circuit_breaker.breakers(executor.pk) + window_breakers(Credential.objects.filter(workspace_id=executor.pk))
    return of(configuration.load(executor.config), rows, circuit_breaker.secret_names(executor.pk) if rows else ())


def window_breakers(credentials: Iterable[Credential]) -> list[ProviderBreaker]:
    """The used-up windows of credentials, as unsaved breakers until their resets."""
    at = now()
    rows = []
    for each in credentials:
        if stop := windows.stop(each.windows, each.stop_at, at=at.timestamp()):
            until = datetime.fromtimestamp(stop.resets_at, UTC)
            rows.append(
                ProviderBreaker(
                    workspace_id=each.workspace_id,
                    credential=each.name,
                    code="window",
                    message=stop.sentence,
                    since=at,
                    until=until,
                )
            )
    return rows


def of(config: Config, breakers: Iterable[ProviderBreaker], secrets: Collection[str]) -> AgentStates:
    open_breakers = {ModelAccess(row.credential, row.family): row for row in breakers if row.code}
    reviewing = [
        _state(
            part.acting_agent, role, model_access.of_role(part, role, config, secrets), open_breakers, is_required=part.required
        )
        for role, part in (("interceptor", config.interceptor), ("verifier", config.verifier))
        if part
    ]
    implementing = [
        _state(agent, name or DEFAULT, model_access.of_agent(agent, name, config, secrets), open_breakers)
        for name, agent in config.by_name.items()
    ]
    return AgentStates(implementing, reviewing)


def standstills(executors: Iterable[Executor]) -> dict[str, ProviderBreaker]:
    """The standstills by workspace. Three queries for any number."""
    rows: defaultdict[str, list[ProviderBreaker]] = defaultdict(list)
    names: defaultdict[str, set[str]] = defaultdict(set)
    configs = {executor.pk: executor.config for executor in executors}
    stopping = window_breakers(Credential.objects.filter(workspace_id__in=configs).exclude(windows={}))
    for row in [*ProviderBreaker.objects.filter(workspace_id__in=configs).exclude(code=""), *stopping]:
        rows[row.workspace_id].append(row)
    for workspace_id, name in Secret.objects.filter(workspace_id__in=rows).values_list("workspace_id", "name") if rows else ():
        names[workspace_id].add(name)
    standing = {id_: of(configuration.load(configs[id_]), rows[id_], names[id_]).standstill for id_ in rows}
    return {id_: breaker for id_, breaker in standing.items() if breaker}


def is_unavailable(executor: Executor, proposer: Proposer, role: str) -> bool:
    """True if the agent of a role has an open breaker."""
    rows = circuit_breaker.breakers(executor.pk) + window_breakers(Credential.objects.filter(workspace_id=executor.pk))
    open_breakers = {ModelAccess(row.credential, row.family): row for row in rows if row.code}
    if not open_breakers:
        return False
    config, secrets = configuration.load(executor.config), circuit_breaker.secret_names(executor.pk)
    access = model_access.of_role(proposer, role, config, secrets)
    return _state(proposer.acting_agent, role, access, open_breakers).breaker is not None


def _state(
    agent: Agent,
    name: str,
    access: ModelAccess,
    open_breakers: dict[ModelAccess, ProviderBreaker],
    *,
    is_required: bool = False,
) -> AgentState:
    mine = [row for needed, row in open_breakers.items() if needed in model_access.needed([(agent, access)])]
    breaker = max(mine, key=lambda row: row.until or now()) if mine else None
    return AgentState(name, agent, access, breaker, is_required)


def as_json(states: AgentStates) -> list[dict[str, Any]]:
    """For the API."""
    return [
        {
            "name": state.name,
            "kind": state.agent.kind,
            "title": agent_kinds.title(state.agent.kind),
            "model": state.agent.model,
            "credential": state.access.credential,
            "fallback": state.agent.fallback,
            "code": state.breaker.code if state.breaker else None,
            "message": state.breaker.message if state.breaker else None,
            "since": state.breaker.since if state.breaker else None,
            "until": state.breaker.until if state.breaker else None,
        }
        for state in states.implementing
    ]
