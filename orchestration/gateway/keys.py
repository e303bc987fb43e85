"""The providers' keys. The gateway unseals them when it sends a request, and keeps them for seconds."""

import json
from typing import Any

from orchestration import configuration
from orchestration.configuration import Agent, credentials, secrets
from orchestration.gateway.database import Kept
from orchestration.models import Credential, Executor, Secret
from workspaces.secrets.sealing import Sealed, unseal

HEADERS = {
    "anthropic": ("x-api-key", ""),
    "openai_responses": ("authorization", "Bearer "),
    "openai_chat": ("authorization", "Bearer "),
    "gemini": ("x-goog-api-key", ""),
}
"""The header in which a provider expects its key, and what stands before it."""


class NoKey(Exception):
    """The key is gone, or sealed with another MUSTER_SECRET_KEY. The text is a sentence."""


async def header(workspace_id: str, api: str, upstream: dict[str, Any]) -> tuple[str, str] | None:
    """The header with the key of an upstream, as accesses have it. None: its server asks for none. Raises NoKey."""
    key = upstream.get("key")
    if not key:
        return None
    name, prefix = HEADERS[api]
    if key.get("variable") == "ANTHROPIC_AUTH_TOKEN":
        name, prefix = "authorization", "Bearer "
    return name, f"{prefix}{await kept.get((workspace_id, json.dumps(key, sort_keys=True)))}"


def _read(place: tuple[str, str]) -> str:
    workspace_id, key = place[0], json.loads(place[1])
    try:
        if name := key.get("credential"):
            row = Credential.objects.filter(workspace_id=workspace_id, name=name).first()
            if row is None or row.sealed is None:
                raise NoKey(f"The credential {name} has no key: set one")
            return unseal(row.sealed, purpose=credentials.PURPOSE)
        if name := key.get("secret"):
            secret = Secret.objects.filter(workspace_id=workspace_id, name=name).first()
            if secret is None:
                raise NoKey(f"The secret {name} is gone: set it again")
            return unseal(secret.sealed, purpose=secrets.PURPOSE)
    except Sealed:
        raise NoKey("The key was sealed with another MUSTER_SECRET_KEY: set it again") from None
    return _of_config(workspace_id, key)


def _of_config(workspace_id: str, key: dict[str, Any]) -> str:
    """A key that stands in the env of an agent, or in its settings."""
    config = configuration.load(Executor.objects.values_list("config", flat=True).get(pk=workspace_id))
    for agent in credentials.named_agents(config):
        if agent.path == key.get("agent") and (value := _value(agent.agent, key)):
            return value
    raise NoKey(f"The agent has no {key.get('variable', 'key')} any more")


def _value(agent: Agent, key: dict[str, Any]) -> str:
    value: Any = agent.settings if "setting" in key else agent.env.get(str(key.get("variable")), "")
    for name in key.get("setting", ()):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


kept = Kept(_read, fresh_s=5, stale_s=15)
