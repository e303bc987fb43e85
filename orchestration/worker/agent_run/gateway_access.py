"""The access of an agent's process to the gateway: opened before it starts, ended with it. Without one it has a key or a login of its own, and its reports
meter it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from budget.ledger import prices, requests
from budget.models import Category
from orchestration import configuration, sessions
from orchestration.configuration import Agent, Config, circuit_breaker, credentials, secrets
from orchestration.configuration.gateway_use import ALL_KEYS, AvailableKeys, GatewaySetup, setup_of
from orchestration.configuration.provider_trouble import reviewer
from orchestration.gateway import tokens
from orchestration.models import Credential, Session
from orchestration.sessions import supervise
from orchestration.worker.agents.shared.interface import Role

MOST_OUTPUT, LEAST_OUTPUT = 32_000, 4_096
MOST_EXPENSIVE = 25_000_000
"""Micro-USD for a million output tokens of an unknown model."""
PARTS = {"review": "interceptor", "verify": "verifier", "plan": "planner", "expand": "expander", "orchestrate": "orchestrator"}


@dataclass(frozen=True, slots=True)
class Money:
    """The money of a process, in micro-USD."""

    category: Category
    limit: int  # of this process
    most: int  # of its role
    ceiling: int | None = None  # of a growing reservation


@dataclass(frozen=True)
class Served:
    """An agent's environment with an access to the gateway, or with keys of its own."""

    agent: Agent
    env: dict[str, str]
    limit: int  # micro-USD, for the program's own limit
    access: str = ""  # its id
    output_tokens: int = 0  # the highest limit for a request
    bypass_reason: str = ""  # without an access


@contextmanager
def serving(session: Session, agent: Agent, role: Role, money: Money, note: Path) -> Iterator[Served]:
    """Hold an access for the duration of the block. The reaper reads its id from the note. Raises like `served`."""
    process = served(session, agent, role, money)
    note.write_text(process.access, encoding="utf-8")
    try:
        yield process
    finally:
        if process.access:
            supervise.try_database(lambda: requests.end_access(process.access))


def served(session: Session, agent: Agent, role: Role, money: Money) -> Served:
    """An environment with a token of the gateway, or with the workspace's keys. Raises Sealed, and ValueError without the credential."""
    behind_gateway = setup(session, agent, role)
    if isinstance(behind_gateway, str) or session.hold is None:
        if settings.GATEWAY_URL:  # without a gateway all sessions have one meter
            note_meter(session, by_gateway=False)
        alone = secrets.resolve(session.workspace_id, agent)
        return Served(
            alone.agent, alone.env, money.limit, bypass_reason=behind_gateway if isinstance(behind_gateway, str) else ""
        )
    note_meter(session, by_gateway=True)
    access = requests.open_access(
        session.hold,
        role=role,
        category=money.category,
        upstreams=_by_credential(session, role, behind_gateway.upstreams),
        round_number=session.round_number or None,
        agent=agent.kind,
        model=agent.model or "",
        most=None if role == "implement" else money.most,
        ceiling=money.ceiling or 0 if role == "implement" else 0,
    )
    usual = {**agent.env, **secrets.for_agents(session.workspace_id, without=behind_gateway.hidden)}
    url, token = settings.GATEWAY_URL, tokens.token_of(access.pk)
    own = {"use_login": False, "settings": behind_gateway.settings(agent.settings, url=url, token=token)}
    limit = max(money.limit, money.ceiling or 0)
    return Served(
        agent.model_copy(update=own),
        behind_gateway.env(usual, url=url, token=token),
        limit,
        access.pk,
        _output_tokens(agent, money),
    )


def _by_credential(session: Session, role: Role, upstreams: dict[str, Any]) -> dict[str, Any]:
    """The upstreams with the credential's name in breakers and months, and the agent's patience."""
    config = configuration.of_session(session.workspace.executor.config, session.agent_name)
    agent, access = circuit_breaker.access_of(session, config, reviewer(role))
    own = {"credential": access.credential, "patience_s": agent.provider_patience_s}
    return {api: {**upstream, **own} for api, upstream in upstreams.items()}


def _output_tokens(agent: Agent, money: Money) -> int:
    """The output tokens for a third of the money. With a higher limit requests would wait for money, although hardly an answer is that long."""
    price = prices.cost(prices.Tokens(agent.model or "", output=10**6)) or MOST_EXPENSIVE
    return max(min(money.limit * 10**6 // (3 * max(price, 1)), MOST_OUTPUT), LEAST_OUTPUT)


def setup(session: Session, agent: Agent, role: Role) -> GatewaySetup | str:
    """The process's setup behind the gateway, or the reason for a bypass."""
    if not settings.GATEWAY_URL:
        return "This server has no gateway"
    config = configuration.of_session(session.workspace.executor.config, session.agent_name)
    if config.gateway == "off":
        return "The workspace's config has gateway: off"
    return setup_of(agent, keys_of(session.workspace_id, agent, _path(session, config, role)))


def note_meter(session: Session, *, by_gateway: bool) -> None:
    """Record the session's meter: the weaker one of all its processes."""
    meter = Session.Meter.GATEWAY if by_gateway and session.meter != Session.Meter.CLI else Session.Meter.CLI
    if session.meter != meter:
        sessions.write(session, meter=meter)


def keys_of(workspace_id: str, agent: Agent, path: str) -> AvailableKeys:
    """The keys in an agent's environment, without the gateway."""
    names = frozenset(secrets.names(workspace_id))
    if agent.credential is None:
        plans = Credential.objects.filter(workspace_id=workspace_id, billing=Credential.Billing.PLAN)
        is_plan = plans.filter(name__in=[*names & ALL_KEYS, *agent.env.keys() & ALL_KEYS]).exists()
        return AvailableKeys(agent.env, path, names, is_plan=is_plan)
    row = Credential.objects.filter(workspace_id=workspace_id, name=agent.credential).first()
    if row is None:
        return AvailableKeys(agent.env, path, names)
    return AvailableKeys(
        agent.env,
        path,
        names,
        credential=row.name,
        variable=credentials.variable_for(row, agent) if row.sealed is not None else "",
        base_url=row.base_url,
        is_plan=row.billing == Credential.Billing.PLAN,
    )


def _path(session: Session, config: Config, role: Role) -> str:
    """The agent's path in the config, like `credentials.NamedAgent.path`."""
    part = config.roles.get(PARTS.get(role, ""))
    if part is None:
        return f"agents.{session.agent_name}" if session.agent_name in config.agents else "agent"
    if not part.agent_name:
        return f"{PARTS[role]}.agent"
    return f"agents.{part.agent_name}" if part.agent_name in config.agents else "agent"
