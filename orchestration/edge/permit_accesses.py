"""Accesses of permits to the gateway: with the workspace's own keys, on the permit's money."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from budget.ledger import requests
from budget.ledger.permit_gateway import GatewayToken
from budget.models import Category, GatewayAccess, Hold
from orchestration import configuration
from orchestration.configuration import Config, credentials, secrets
from orchestration.configuration.config import agent_kinds
from orchestration.configuration.gateway_use import DEFAULT_BASE_URLS, KeySource
from orchestration.gateway import tokens
from orchestration.models import Credential, Executor
from orchestration.protocols import PROTOCOLS
from workspaces.errors import Invalid

ROLE = "permit"
NO_GATEWAY = "There is no gateway for this workspace"
APIS = {
    variable: (tuple(name for name, other in PROTOCOLS.items() if variable in other.api.keys), protocol.api.addresses)
    for protocol in PROTOCOLS.values()
    for variable in protocol.api.keys
}
"""By variable of a key: the APIs that it opens, and the variables in which an agent of the config may have another address for it."""


@dataclass(frozen=True, slots=True)
class Key:
    """`address`: empty for the provider's own. `problem`: why the gateway cannot send with it, to follow its name; empty: it can."""

    name: str
    at: KeySource
    address: str = ""
    problem: str = ""

    @property
    def upstreams(self) -> dict[str, dict[str, Any]]:
        return {
            api: {"base_url": self.address or DEFAULT_BASE_URLS[api], "key": self.at.reference, "credential": self.name}
            for api in APIS[self.at.variable][0]
        }


def open_for(permit: Hold, names: Sequence[str] | None) -> GatewayToken | str:
    """The address and the token of a permit's access, which is opened once, or the reason why there is none. Raises Invalid for a name that is unknown, cannot be used, or is not of its
    access."""
    config = configuration.load(Executor.objects.values_list("config", flat=True).get(pk=permit.project_id))
    if not settings.GATEWAY_URL or config.gateway == "off":
        if names is not None:
            raise Invalid(NO_GATEWAY, "credentials")
        return NO_GATEWAY
    access = GatewayAccess.objects.filter(hold=permit, role=ROLE).first()
    if access is None:
        upstreams = _upstreams(permit.project_id, config, names)
        if not upstreams:
            return _why_none(permit.project_id, config)
        category, anywhere = Category(permit.category), GatewayAccess.ANYWHERE
        access = requests.open_access(permit, role=ROLE, category=category, upstreams=upstreams, origin=anywhere)
    elif names is not None and not {place["credential"] for place in access.upstreams.values()} <= set(names):
        raise Invalid("This key was used for a permit with other credentials", "credentials")
    return GatewayToken(settings.GATEWAY_URL, tokens.token_of(access.pk))


def _upstreams(workspace_id: str, config: Config, names: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """By API: the first key that opens it. In the order of `names`; else credentials before secrets."""
    keys = {key.name: key for key in _keys(workspace_id, config)}
    usable = [key for key in keys.values() if not key.problem]
    chosen = usable if names is None else [_usable(keys, name) for name in names]
    upstreams: dict[str, dict[str, Any]] = {}
    for key in chosen:
        upstreams = key.upstreams | upstreams
    return upstreams


def _why_none(workspace_id: str, config: Config) -> str:
    problems = [f"{key.name} {key.problem}" for key in _keys(workspace_id, config)]
    return (
        "; ".join(problems)[:500]
        or f"This workspace has no key for the gateway: a credential, or a secret named {' or '.join(APIS)}"
    )


def _usable(keys: Mapping[str, Key], name: str) -> Key:
    key = keys.get(name)
    if key is None:
        raise Invalid(f"There is no credential or secret {name} with a provider's key", "credentials")
    if key.problem:
        raise Invalid(f"{name} {key.problem}", "credentials")
    return key


def _keys(workspace_id: str, config: Config) -> Iterator[Key]:
    """The keys of the workspace. One that has the name of a credential is described by it."""
    rows = {row.name: row for row in Credential.objects.filter(workspace_id=workspace_id).order_by("name")}
    for row in rows.values():
        if row.sealed is not None:
            yield Key(row.name, KeySource(row.variable, credential=row.name), row.base_url, _problem(row))
    for name in secrets.names(workspace_id):
        known = rows.get(name)
        if name not in APIS or (known is not None and known.sealed is not None):
            continue
        address = (known.base_url if known is not None else "") or _address(config, name)
        yield Key(name, KeySource(name, secret=name), address, _problem(known) if known is not None and _is_plan(known) else "")


def _is_plan(row: Credential) -> bool:
    return row.billing == Credential.Billing.PLAN


def _problem(row: Credential) -> str:
    if _is_plan(row):
        return "is of a plan: plans may be used by their own programs alone"
    return "" if row.variable in APIS else f"is under no variable whose API the gateway knows: set it to {', '.join(APIS)}"


def _address(config: Config, name: str) -> str:
    """The address to which the first agent of the config that uses this secret sends its requests; empty: the provider's own."""
    for agent in (named.agent for named in credentials.named_agents(config)):
        if name in agent_kinds.KEYS.get(agent.kind, ()) and agent.credential is None and not agent.env.get(name):
            return next((agent.env[each] for each in APIS[name][1] if agent.env.get(each)), "")
    return ""
