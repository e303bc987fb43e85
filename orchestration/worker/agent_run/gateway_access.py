"""The access of one process of an agent to the gateway: opened before it starts, ended with it. A process without one has a key or a login of its own,
and is metered by what it reports."""

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
from orchestration.configuration.gateway_use import ALL_KEYS, Keys, Use, use_of
from orchestration.configuration.provider_trouble import reviewer
from orchestration.gateway import tokens
from orchestration.models import Credential, Session
from orchestration.sessions import supervise
from orchestration.worker.agents.shared.interface import Role

MOST_OUTPUT, LEAST_OUTPUT = 32_000, 4_096
MOST_EXPENSIVE = 25_000_000
"""Micro-USD for a million tokens of output, where the model is not known before."""
PARTS = {"review": "interceptor", "verify": "verifier", "plan": "planner", "expand": "expander", "orchestrate": "orchestrator"}


@dataclass(frozen=True, slots=True)
class Money:
    """Money that a process may spend, in micro-USD: `limit` by itself; `most` in its role. `ceiling`: to which its reservation may grow; None: it does not grow."""

    category: Category
    limit: int
    most: int
    ceiling: int | None = None


@dataclass(frozen=True)
class Served:
    """An agent with its whole environment. `access`: the id of its access to the gateway; empty: it has a key or a login of its own, for the reason `past`.
    `limit`: micro-USD that the program itself gets as its limit. `output_tokens`: the most that it should ask for in a request."""

    agent: Agent
    env: dict[str, str]
    limit: int
    access: str = ""
    output_tokens: int = 0
    past: str = ""


@contextmanager
def serving(session: Session, agent: Agent, role: Role, money: Money, note: Path) -> Iterator[Served]:
    """Serve a process for the duration of the block. `note`: the file with its access, for the reaper. Raises as `served`."""
    process = served(session, agent, role, money)
    note.write_text(process.access, encoding="utf-8")
    try:
        yield process
    finally:
        if process.access:
            supervise.try_database(lambda: requests.end_access(process.access))


def served(session: Session, agent: Agent, role: Role, money: Money) -> Served:
    """The environment of the process: a token of the gateway, or what the workspace has for it. Raises Sealed, and ValueError where its credential is
    gone."""
    gateway_use = use(session, agent, role)
    if isinstance(gateway_use, str) or session.hold is None:
        if settings.GATEWAY_URL:  # else no session has another meter
            note_meter(session, by_gateway=False)
        alone = secrets.served(session.workspace_id, agent)
        return Served(alone.agent, alone.env, money.limit, past=gateway_use if isinstance(gateway_use, str) else "")
    note_meter(session, by_gateway=True)
    access = requests.open_access(
        session.hold,
        role=role,
        category=money.category,
        upstreams=_by_credential(session, role, gateway_use.upstreams),
        round_number=session.round_number or None,
        agent=agent.kind,
        model=agent.model or "",
        most=None if role == "implement" else money.most,
        ceiling=money.ceiling or 0 if role == "implement" else 0,
    )
    usual = {**agent.env, **secrets.for_agents(session.workspace_id, without=gateway_use.hidden)}
    url, token = settings.GATEWAY_URL, tokens.token_of(access.pk)
    own = {"use_login": False, "settings": gateway_use.settings(agent.settings, url=url, token=token)}
    limit = max(money.limit, money.ceiling or 0)
    return Served(
        agent.model_copy(update=own), gateway_use.env(usual, url=url, token=token), limit, access.pk, _output_tokens(agent, money)
    )


def _by_credential(session: Session, role: Role, upstreams: dict[str, Any]) -> dict[str, Any]:
    """The upstreams with the name of the credential that breakers and months know, and how long the agent may wait for its provider."""
    config = configuration.of_session(session.workspace.executor.config, session.agent_name)
    agent, access = circuit_breaker.access_of(session, config, reviewer(role))
    own = {"credential": access.credential, "patience_s": agent.provider_patience_s}
    return {api: {**upstream, **own} for api, upstream in upstreams.items()}


def _output_tokens(agent: Agent, money: Money) -> int:
    """A third of its money pays so many tokens of an answer: a request with a higher limit would wait for money, although hardly any answer is that long."""
    price = prices.cost(prices.Tokens(agent.model or "", output=10**6)) or MOST_EXPENSIVE
    return max(min(money.limit * 10**6 // (3 * max(price, 1)), MOST_OUTPUT), LEAST_OUTPUT)


def use(session: Session, agent: Agent, role: Role) -> Use | str:
    """The use that this process makes of the gateway, or the reason why it makes none."""
    if not settings.GATEWAY_URL:
        return "This server has no gateway"
    config = configuration.of_session(session.workspace.executor.config, session.agent_name)
    if config.gateway == "off":
        return "The workspace's config has gateway: off"
    return use_of(agent, keys_of(session.workspace_id, agent, _path(session, config, role)))


def note_meter(session: Session, *, by_gateway: bool) -> None:
    """Fix on the session how it is metered: by the weaker meter of all its processes."""
    meter = Session.Meter.GATEWAY if by_gateway and session.meter != Session.Meter.CLI else Session.Meter.CLI
    if session.meter != meter:
        sessions.write(session, meter=meter)


def keys_of(workspace_id: str, agent: Agent, path: str) -> Keys:
    """The keys that an agent's environment would have. `path`: its place in the config."""
    names = frozenset(secrets.names(workspace_id))
    if agent.credential is None:
        plans = Credential.objects.filter(workspace_id=workspace_id, billing=Credential.Billing.PLAN)
        is_plan = plans.filter(name__in=[*names & ALL_KEYS, *agent.env.keys() & ALL_KEYS]).exists()
        return Keys(agent.env, path, names, is_plan=is_plan)
    row = Credential.objects.filter(workspace_id=workspace_id, name=agent.credential).first()
    if row is None:
        return Keys(agent.env, path, names)
    return Keys(
        agent.env,
        path,
        names,
        credential=row.name,
        variable=credentials.variable_for(row, agent) if row.sealed is not None else "",
        address=row.base_url,
        is_plan=row.billing == Credential.Billing.PLAN,
    )


def _path(session: Session, config: Config, role: Role) -> str:
    """The agent's place in the config, as `credentials.named_agents` has it."""
    part = config.roles.get(PARTS.get(role, ""))
    if part is None:
        return f"agents.{session.agent_name}" if session.agent_name in config.agents else "agent"
    if not part.agent_name:
        return f"{PARTS[role]}.agent"
    return f"agents.{part.agent_name}" if part.agent_name in config.agents else "agent"
