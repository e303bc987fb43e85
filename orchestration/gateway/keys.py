"""The providers' keys, and the only addresses where they go. The gateway unseals a key when it sends a request, and keeps it for seconds."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from multidict import CIMultiDictProxy
from yarl import URL

from orchestration import configuration
from orchestration.configuration import Agent, credentials, secrets
from orchestration.gateway.database import Kept
from orchestration.gateway.protocols.interface import Refused
from orchestration.models import Credential, Executor, Secret
from workspaces.secrets.sealing import Sealed, unseal

HEADERS = {
    "anthropic": ("x-api-key", ""),
    "openai_responses": ("authorization", "Bearer "),
    "openai_chat": ("authorization", "Bearer "),
    "gemini": ("x-goog-api-key", ""),
}
"""The header in which a provider expects its key, and what stands before it."""
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_NOT_SENT = HOP_BY_HOP | {
    "host",
    "content-length",
    "content-encoding",
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "cookie",
    "accept-encoding",
    "expect",
    "forwarded",
}
_ROUTES = re.compile(r"x[-_](?:forwarded|original|rewrite|http[-_]method|real[-_]ip|host)", re.I)
"""Headers by which a proxy before the provider may take another address, or another method, than the request line's."""
_VERSION = re.compile(r"v\d+[a-z0-9]*")


class NoKey(Exception):
    """The key is gone, or sealed with another MUSTER_SECRET_KEY. The text is a sentence."""


MASKED = b"[key]"


class WrongAddress(Exception):
    """A key was about to be sent to another host or port than its base URL's."""


@lru_cache(maxsize=1_000)
def base_of(address: str) -> URL:
    """A base URL, parsed as the requests to it are. Raises Refused where it is no address."""
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused(502, "api_error", f"The base URL {address[:100]!r} is no http:// or https:// address")
    return url


@dataclass(frozen=True, slots=True)
class Upstream:
    """The place where requests of one API go, and the header with the key."""

    api: str
    base: URL
    key: tuple[str, str] | None
    credential: str
    patience_s: float | None = None
    """So long may its agent wait for the provider; None: as long as its program does."""

    def address(self, version: str, endpoint: str, query: Mapping[str, str] | None = None) -> URL:
        """The address of an endpoint: scheme, host and port are the base URL's. As in the providers' own clients, a base URL that ends with a version
        gets no other, and OpenAI's has a version wherever it has a path (`/openai/deployments/x` has none)."""
        parts = [part for part in self.base.raw_path.split("/") if part]
        is_whole = bool(parts) and (self.api.startswith("openai") or _VERSION.fullmatch(parts[-1]) is not None)
        path = "/".join(["", *parts, *([] if is_whole else [version]), endpoint])
        return self.base.with_path(path, encoded=True).with_query(query)

    def headers(self, given: CIMultiDictProxy[str], target: URL) -> list[tuple[str, str]]:
        """The headers of a request to the provider, with the key. Every way out passes here. `given`: the client's. Raises WrongAddress."""
        if target.origin() != self.base.origin():
            raise WrongAddress(f"{target.origin()} is not {self.base.origin()}")
        named = {name.strip().lower() for value in given.getall("Connection", []) for name in value.split(",")}
        kept = [
            (name, value)
            for name, value in given.items()
            if name.lower() not in _NOT_SENT and name.lower() not in named and not _ROUTES.match(name)
        ]
        return [*kept, ("accept-encoding", "identity"), *([self.key] if self.key else [])]

    @property
    def secret(self) -> bytes:
        """The key's own bytes; empty: its server asks for none."""
        return self.key[1].removeprefix("Bearer ").encode() if self.key else b""

    def masked(self, data: bytes) -> bytes:
        """Without the key: a provider that answers with what it was sent would hand it to the agent."""
        return data.replace(self.secret, MASKED) if self.secret else data

    def paced_with(self, workspace_id: str) -> tuple[str, ...]:
        """The name of the limit that it shares: one key has one, in however many workspaces it is."""
        if self.key is None:
            return str(self.base), workspace_id, self.credential
        return str(self.base), hashlib.sha256(self.key[1].encode()).hexdigest()


class KeyMask:
    """Takes the key out of an answer that passes in pieces."""

    def __init__(self, secret: bytes) -> None:
        self._secret, self._rest = secret, b""
        self.has_masked = False

    def feed(self, chunk: bytes, *, is_last: bool = False) -> bytes:
        """The bytes that may pass now: a possible beginning of the key waits for its end."""
        data = self._rest + chunk
        if self._secret in data:
            data, self.has_masked = data.replace(self._secret, MASKED), True
        longest = 0 if is_last else min(len(self._secret) - 1, len(data))
        kept = next((n for n in range(longest, 0, -1) if data.endswith(self._secret[:n])), 0)
        self._rest = data[len(data) - kept :]
        return data[: len(data) - kept]


async def upstream(workspace_id: str, api: str, place: dict[str, Any]) -> Upstream:
    """An upstream as accesses have it, with its key. Raises NoKey, and Refused where its base URL is no address."""
    base = base_of(str(place["base_url"]))
    key = await header(workspace_id, api, place)
    patience_s = float(place["patience_s"]) if "patience_s" in place else None
    return Upstream(api, base, key, str(place.get("credential", "")), patience_s)


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
