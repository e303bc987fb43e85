"""Secrets of a workspace: encrypted at rest with the server's key, decrypted only for its agents, masked in all stored output."""

from collections.abc import Collection, Mapping

from django.db import transaction

from orchestration.configuration import agent_checks, circuit_breaker, credentials
from orchestration.configuration.config.agents import Agent
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Secret
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound
from workspaces.models import Workspace
from workspaces.secrets import masking
from workspaces.secrets.masking import Mask
from workspaces.secrets.sealing import Sealed, is_sealable, seal, unseal

PURPOSE = "muster secrets 1"
MAX_CHARS = credentials.MAX_KEY_CHARS
MAX_SECRETS = 100
MUSTERS_OWN = ("FORGE_TOKEN", "FORGE_WEBHOOK_SECRET")
"""Muster's own secrets: an agent with them could merge its own work."""


def put(workspace_id: str, name: str, value: str, *, by: Caller) -> Secret:
    """Set or replace a secret. Raises Invalid."""
    if not credentials.VARIABLE.fullmatch(name) or name.startswith("MUSTER_"):
        raise Invalid("must be the name of an environment variable, and not begin with MUSTER_", "name")
    if not is_sealable(value, MAX_CHARS):
        raise Invalid(f"must have 1 to {MAX_CHARS} characters, without NUL and lone surrogates", "value")
    with transaction.atomic():
        known = Secret.objects.filter(workspace_id=workspace_id)
        if known.count() >= MAX_SECRETS and not known.filter(name=name).exists():
            raise Invalid(f"A workspace may have at most {MAX_SECRETS} secrets", "name")
        row, fresh = Secret.objects.update_or_create(
            workspace_id=workspace_id, name=name, defaults={"sealed": seal(value, purpose=PURPOSE), "changed_by": by.name}
        )
        event = events.SecretSet(name=name) if fresh else events.SecretReplaced(name=name)
        activity.record(workspace_id, event, by=by, object_id=workspace_id)
        circuit_breaker.half_open(workspace_id)
        agent_checks.request(workspace_id)
    wake_ups.enqueue_cycle(workspace_id)
    return row


def remove(workspace_id: str, name: str, *, by: Caller) -> None:
    """Remove a secret. Raises NotFound."""
    if not credentials.VARIABLE.fullmatch(name):  # PostgreSQL refuses NUL in a query
        raise NotFound("Secret not found")
    with transaction.atomic():
        deleted, _ = Secret.objects.filter(workspace_id=workspace_id, name=name).delete()
        if not deleted:
            raise NotFound("Secret not found")
        activity.record(workspace_id, events.SecretRemoved(name=name), by=by, object_id=workspace_id)
        agent_checks.request(workspace_id)


def for_agents(workspace_id: str, *, without: Collection[str] = ()) -> dict[str, str]:
    """The secrets for an agent's environment. Those of `without` stay encrypted. Raises Sealed."""
    return {name: value for name, value in _unsealed(workspace_id, without=without).items() if name not in MUSTERS_OWN}


def resolve(workspace_id: str, agent: Agent) -> credentials.ResolvedAgent:
    """Resolve an agent's environment in a workspace. Raises Sealed, and ValueError without its credential."""
    return credentials.resolve(workspace_id, agent, for_agents(workspace_id))


def names(workspace_id: str) -> list[str]:
    """The names of the agents' secrets."""
    rows = Secret.objects.filter(workspace_id=workspace_id).exclude(name__in=MUSTERS_OWN)
    return list(rows.order_by("name").values_list("name", flat=True))


def own(workspace_id: str, name: str) -> str:
    """The value of one of MUSTERS_OWN, or "". Raises Sealed."""
    return _unsealed(workspace_id, name).get(name, "")


def _unsealed(workspace_id: str, *names: str, without: Collection[str] = ()) -> dict[str, str]:
    values = {}
    rows = Secret.objects.filter(workspace_id=workspace_id).exclude(name__in=without)
    for row in rows.filter(name__in=names) if names else rows:
        try:
            values[row.name] = unseal(row.sealed, purpose=PURPOSE)
        except Sealed:
            raise Sealed(f"The secret {row.name} was sealed with another MUSTER_SECRET_KEY: set it again") from None
    Mask(values)  # registers them: later masks without an owner hide them too
    return values


def mask_for(workspace_id: str, env: Mapping[str, str]) -> Mask:
    """The mask of a workspace: its secrets, its credentials' keys, the password in its repository's URL, and values of secret-like names in `env`."""
    rows = list(Workspace.objects.filter(pk=workspace_id).values_list("origin", "credentials__name", "credentials__sealed"))
    origin = rows[0][0] if rows else ""
    keys = credentials.unsealed_keys((name, bytes(sealed)) for _, name, sealed in rows if sealed is not None)
    others = {**masking.of_url(origin, "of the repository"), **keys}
    try:
        return Mask({**others, **_unsealed(workspace_id)}, env)
    except Sealed:
        return Mask(others, env)
