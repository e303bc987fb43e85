"""Credentials of a workspace: key, base URL, billing and usage limits.

A key is encrypted, and only the agents with its credential get it. A credential named after a variable or a login (`model_access`) has no key of its own.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db import transaction

from budget import amounts
from orchestration import configuration
from orchestration.configuration import agent_checks, circuit_breaker, model_access, windows
from orchestration.configuration.config import agent_kinds
from orchestration.configuration.config.agents import DEFAULT, Agent
from orchestration.configuration.config.fields import LABEL
from orchestration.configuration.config.workspace import Config
from orchestration.configuration.windows import months
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Credential, Executor, ProviderBreaker
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.secrets.masking import Mask
from workspaces.secrets.sealing import Sealed, is_sealable, seal, unseal

PURPOSE = "muster credentials 1"
MAX_KEY_CHARS = 16_000
MAX_CREDENTIALS = 100
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_WINDOW = re.compile(r"pct_(?P<number>[1-9][0-9]{0,2})(?P<unit>[hd])")
_PARTS = {"planner": "plan", "expander": "expand", "orchestrator": "orchestrate"}
_CONNECTION = ("key", "variable", "base_url")
_BASE_URL_VARIABLES = frozenset(agent_kinds.BASE_URLS.values())
_KEY_VARIABLES = frozenset(variable for variables in agent_kinds.KEYS.values() for variable in variables)


class NamedAgent(NamedTuple):
    """An agent of a config, with its names."""

    path: str  # in the config
    name: str  # on pages
    part: str  # in `model_access`
    agent: Agent


class ResolvedAgent(NamedTuple):
    """An agent with its whole environment."""

    agent: Agent
    env: dict[str, str]
    key_variable: str = ""  # of its credential's own key


def put(workspace_id: str, name: str, change: Mapping[str, Any], *, by: Caller) -> Credential:
    """Add or change a credential: `key`, `variable`, `base_url`, `billing`, `stop_at`. A missing field stays, None resets it. Raises Invalid."""
    if not is_sealable(name, model_access.MAX_CHARS):
        raise Invalid(f"must have 1 to {model_access.MAX_CHARS} characters", "name")
    with transaction.atomic():
        config = _locked_config(workspace_id)
        rows = Credential.objects.filter(workspace_id=workspace_id)
        _refuse_name(name, change, config, workspace_id, is_known=rows.filter(name=name).exists())
        _, is_new = rows.get_or_create(workspace_id=workspace_id, name=name)
        if is_new and rows.count() > MAX_CREDENTIALS:
            raise Invalid(f"A workspace may have at most {MAX_CREDENTIALS} credentials", "name")
        row = rows.select_for_update().get(name=name)
        if not change and not is_new:
            return row
        _apply(row, change)
        for user in users(config, name):
            if problem := incompatibility(user.agent, row):
                raise Invalid(f"{user.name} uses it: {problem}", "base_url" if row.base_url else "variable")
        row.changed_by = by.name
        row.save(update_fields=["sealed", "variable", "base_url", "billing", "stop_at", "changed_by", "changed_at"])
        months.recount(row, _roles(workspace_id, config, name))
        kind = events.CredentialSet if is_new else events.CredentialReplaced
        activity.record(workspace_id, kind(name=name, keys=sorted(change)), by=by, object_id=workspace_id)
        if change.keys() & set(_CONNECTION):
            circuit_breaker.half_open(workspace_id)
            agent_checks.request(workspace_id)
    _changed(workspace_id)
    return row


def derived_users(config: Config, secret_names: Iterable[str], name: str) -> list[NamedAgent]:
    """The agents with a credential of a variable or a login: their base URL is in their env."""
    known = frozenset(secret_names)
    return [
        each
        for each in named_agents(config)
        if each.agent.credential is None and model_access.credential(each.agent, each.part, config, known) == name
    ]


def base_url(agents: Collection[NamedAgent]) -> str:
    """Their base URL; empty: the provider's default."""
    names = ((each, agent_kinds.BASE_URLS.get(each.agent.kind, "")) for each in agents)
    return next((each.agent.env[variable] for each, variable in names if each.agent.env.get(variable)), "")


def base_url_change(agents: Collection[NamedAgent], name: str, url: str) -> dict[str, Any]:
    """A change of the config: the base URL of these agents. Empty resets it. Raises Invalid."""
    variable = name.partition(" ")[0]
    row = Credential(
        name=name, base_url=_checked_url(url) if url else "", variable=variable if variable in _KEY_VARIABLES else ""
    )
    change: dict[str, Any] = {}
    for each in agents:
        if problem := incompatibility(each.agent, row):
            raise Invalid(f"{each.name} uses it: {problem}", "base_url")
        if each.agent.kind in agent_kinds.BASE_URLS:
            part = change
            for key in each.path.split(".", 1):
                part = part.setdefault(key, {})
            part["env"] = {agent_kinds.BASE_URLS[each.agent.kind]: url or None}
    return change


def remove(workspace_id: str, name: str, *, by: Caller) -> None:
    """Remove a credential. Raises NotFound, and Invalid while an agent of the config names it."""
    if not is_sealable(name, model_access.MAX_CHARS):
        raise NotFound("Credential not found")
    with transaction.atomic():
        config = _locked_config(workspace_id)
        if named := [user.name for user in users(config, name)]:
            verb = "uses" if len(named) == 1 else "use"
            raise Invalid(f"{', '.join(named)} {verb} it: choose another credential in the config first", "name")
        deleted, _ = Credential.objects.filter(workspace_id=workspace_id, name=name).delete()
        if not deleted:
            raise NotFound("Credential not found")
        if name not in agent_names(config, circuit_breaker.secret_names(workspace_id)):
            ProviderBreaker.objects.filter(workspace_id=workspace_id, credential=name).delete()
        activity.record(workspace_id, events.CredentialRemoved(name=name), by=by, object_id=workspace_id)
    _changed(workspace_id)


def recount_months(workspace_id: str) -> None:
    """Recompute the months after corrections in the ledger. One statement without a monthly limit."""
    if not months.are_counted(workspace_id):
        return
    with transaction.atomic():
        config = configuration.load(Executor.objects.get(pk=workspace_id).config)
        for row in months.limited(workspace_id).select_for_update().order_by("pk"):
            months.recount(row, _roles(workspace_id, config, row.name))


def named_agents(config: Config) -> Iterator[NamedAgent]:
    """The agents of a config, those of its roles last."""
    for name, agent in config.by_name.items():
        yield NamedAgent(f"agents.{name}" if name else "agent", name or DEFAULT, name, agent)
    for role, agent in config.agents_of_roles.items():
        yield NamedAgent(f"{role}.agent", role, _PARTS.get(role, role), agent)


def users(config: Config, name: str) -> list[NamedAgent]:
    """The agents with this name in their `credential`."""
    return [each for each in named_agents(config) if each.agent.credential == name]


def agent_names(config: Config, secret_names: Iterable[str]) -> dict[str, list[str]]:
    """The names of the agents by credential, also by those of variables and logins."""
    known = frozenset(secret_names)
    names: dict[str, list[str]] = {}
    for each in named_agents(config):
        names.setdefault(model_access.credential(each.agent, each.part, config, known), []).append(each.name)
    return names


def is_named_by_admin(name: str) -> bool:
    """True for an admin's own name, with a key if wanted; False for a variable or a login."""
    return bool(re.fullmatch(LABEL, name)) and name not in _KEY_VARIABLES


def refuse_unknown(workspace_id: str, config: Config) -> None:
    """Raises Invalid for an agent with a missing or an incompatible credential."""
    naming = [each for each in named_agents(config) if each.agent.credential is not None]
    if not naming:
        return
    rows = {row.name: row for row in Credential.objects.filter(workspace_id=workspace_id)}
    for each in naming:
        name = each.agent.credential or ""
        if name not in rows:
            known = ", ".join(sorted(filter(is_named_by_admin, rows))) or "none"
            raise Invalid(f"There is no credential {name!r}: add it first. There are: {known}", f"{each.path}.credential")
        if problem := incompatibility(each.agent, rows[name]):
            raise Invalid(problem, f"{each.path}.credential")


def incompatibility(agent: Agent, row: Credential) -> str:
    """The incompatibility of a credential with an agent, as a sentence, or ""."""
    title, variable = agent_kinds.OF_CONFIG.get(agent.kind) or agent_kinds.title(agent.kind), variable_for(row, agent)
    if row.sealed is not None and not variable:
        return f"{title} has no usual variable for a key: set the variable of the credential {row.name}"
    if row.base_url and agent.kind not in agent_kinds.BASE_URLS:
        return f"{title} takes no base URL from a credential: write it in the agent's env or settings"
    if row.base_url and agent.kind in agent_kinds.OPENAI_ALONE and variable in _KEY_VARIABLES - {"OPENAI_API_KEY"}:
        return f"{title} takes a base URL for OPENAI_API_KEY alone, and its key is in {variable}"
    return ""


def variable_for(row: Credential, agent: Agent) -> str:
    """The agent's variable for the key; empty: its program has none."""
    return row.variable or next(iter(model_access.variables(agent)), "")


def resolve(workspace_id: str, agent: Agent, secrets: Mapping[str, str]) -> ResolvedAgent:
    """Resolve an agent's environment: its env, the secrets, and the credential in place of other keys and base URLs. Raises Sealed, and ValueError without the credential."""
    env = {**agent.env, **secrets}
    row = _row_of(workspace_id, agent)
    if row is None:
        return ResolvedAgent(agent, env)
    if problem := incompatibility(agent, row):
        raise ValueError(problem)
    if row.base_url:
        env = _without(env, _BASE_URL_VARIABLES) | {agent_kinds.BASE_URLS[agent.kind]: row.base_url}
    if row.sealed is None:
        return ResolvedAgent(agent, env)
    variable = variable_for(row, agent)
    env = _without(env, agent_kinds.KEYS.get(agent.kind, ())) | {variable: _key(row.name, bytes(row.sealed or b""))}
    return ResolvedAgent(agent.model_copy(update={"use_login": False}), env, variable)


def key_variables(workspace_id: str, agent: Agent) -> list[str]:
    """The variable of an agent's credential, if it has a key."""
    row = _row_of(workspace_id, agent)
    return [variable_for(row, agent)] if row is not None and row.sealed is not None else []


def base_urls(workspace_id: str, config: Config) -> list[str]:
    """The base URLs of a config's credentials."""
    names = {agent.credential for agent in config.every_agent} - {None}
    rows = Credential.objects.filter(workspace_id=workspace_id, name__in=names).exclude(base_url="") if names else []
    return sorted(row.base_url for row in rows)


def unsealed_keys(sealed_by_name: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """The keys for a mask, without those of another MUSTER_SECRET_KEY."""
    values = {}
    for name, key in sealed_by_name:
        try:
            values[_masked_as(name)] = _key(name, key)
        except Sealed:
            continue
    return values


def window_title(window: str) -> str:
    """A key of `stop_at` within a sentence: "5-hour window", "month"."""
    return windows.title(window) if window == windows.OF_MONTH or _WINDOW.fullmatch(window) else window


def _without(env: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in names}


def _row_of(workspace_id: str, agent: Agent) -> Credential | None:
    if agent.credential is None:
        return None
    row = Credential.objects.filter(workspace_id=workspace_id, name=agent.credential).first()
    if row is None:
        raise ValueError(f"There is no credential {agent.credential}: add it again, or choose another one in the config")
    return row


def _key(name: str, sealed: bytes) -> str:
    try:
        value = unseal(sealed, purpose=PURPOSE)
    except Sealed:
        raise Sealed(f"The key of the credential {name} was sealed with another MUSTER_SECRET_KEY: set it again") from None
    Mask({_masked_as(name): value})  # registers the key: later masks without an owner hide it too
    return value


def _masked_as(name: str) -> str:
    return f"of the credential {name}"


def _roles(workspace_id: str, config: Config, name: str) -> set[str]:
    """The roles of a credential's agents, by their `model_access` names."""
    secrets = circuit_breaker.secret_names(workspace_id)
    parts = {_PARTS.get(key, key): role for key, role in config.roles.items()}
    return {part for part, role in parts.items() if model_access.of_role(role, part, config, secrets).credential == name}


def _locked_config(workspace_id: str) -> Config:
    """The config, locked until the transaction ends: otherwise an agent could take the credential meanwhile."""
    return configuration.load(Executor.objects.select_for_update().get(pk=workspace_id).config)


def _changed(workspace_id: str) -> None:
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "executor", "entries")


def _refuse_name(name: str, change: Mapping[str, Any], config: Config, workspace_id: str, *, is_known: bool) -> None:
    if is_named_by_admin(name):
        return
    if not is_known and name not in agent_names(config, circuit_breaker.secret_names(workspace_id)):
        problem = (
            "is a variable that no agent uses"
            if name in _KEY_VARIABLES
            else "is not a name for a credential: use at most 63 letters, digits, `.`, `_` and `-`, such as team-plan"
        )
        raise Invalid(f"{name[:40]!r} {problem}", "name")
    if own := [key for key in _CONNECTION if change.get(key) is not None]:
        problem = f"{name} has what is set as a secret, in env or by a login: add a credential with another name for a {own[0]}"
        raise Invalid(problem, own[0])


def _apply(row: Credential, change: Mapping[str, Any]) -> None:
    """Set the fields of a row. Raises Invalid."""
    if "key" in change:
        row.sealed = None if change["key"] is None else seal(_checked_key(change["key"]), purpose=PURPOSE)
    if "variable" in change:
        row.variable = "" if change["variable"] is None else _checked_variable(change["variable"])
    if "base_url" in change:
        row.base_url = "" if change["base_url"] is None else _checked_url(change["base_url"])
    if "billing" in change:
        row.billing = _checked_billing(change["billing"] or Credential.Billing.PAID)
    if "stop_at" in change:
        row.stop_at = {} if change["stop_at"] is None else _merged_stops(row.stop_at, change["stop_at"])


def _checked_key(key: str) -> str:
    if not is_sealable(key, MAX_KEY_CHARS):
        raise Invalid(f"must have 1 to {MAX_KEY_CHARS} characters, without NUL and lone surrogates", "key")
    return key


def _checked_variable(name: str) -> str:
    if not VARIABLE.fullmatch(name) or name.startswith("MUSTER_"):
        raise Invalid("must be the name of an environment variable, and not begin with MUSTER_", "variable")
    return name


def _checked_billing(billing: str) -> str:
    if billing not in Credential.Billing.values:
        raise Invalid("must be paid or plan", "billing")
    return billing


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or len(url) > 500 or re.search(r"[^!-~]", url):
        raise Invalid("must be an http:// or https:// address of at most 500 characters", "base_url")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise Invalid("may not have a user, a password, a query or a fragment: the key is for that", "base_url")
    return url


def _merged_stops(stops: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(stops)
    for window, value in change.items():
        _refuse_window(window)
        if value is None:
            merged.pop(window, None)
        else:
            merged[window] = _amount(window, value) if window == windows.OF_MONTH else _percent(window, value)
    return merged


def _refuse_window(window: str) -> None:
    if window == windows.OF_MONTH:
        return
    match = _WINDOW.fullmatch(window)
    number = int(match["number"]) if match else 0
    if match is None or number * (windows.DAY if match["unit"] == "d" else windows.HOUR) > windows.MAX_MINUTES:
        raise Invalid(f"{window[:40]!r} is not a window: use pct_5h, pct_7d or usd_month; at most 31 days", "stop_at")
    if match["unit"] == "h" and number % 24 == 0:
        raise Invalid(f"{window} is written pct_{number // 24}d", "stop_at")


def _percent(window: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 1 <= value <= 100:
        raise Invalid(f"{window} must be a percentage from 1 to 100", "stop_at")
    return int(value) if value == int(value) else float(value)


def _amount(window: str, value: Any) -> int | float:
    try:
        micro = amounts.from_json(Decimal(str(value)) if isinstance(value, float) else value)
    except amounts.NotMoney as problem:
        raise Invalid(f"{window} {problem}", "stop_at") from None
    if micro == 0:
        raise Invalid(f"{window} must be more than 0", "stop_at")
    return amounts.number(micro)
