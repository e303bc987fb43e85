"""The providers' keys, and the only addresses to which they are sent. A key is unsealed for a request, and cached for seconds."""

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
from orchestration.gateway.database import RefreshingCache
from orchestration.models import Credential, Executor, Secret
from orchestration.protocols import KEY_HEADERS, PROTOCOLS
from orchestration.protocols.shared.interface import Refused
from workspaces.secrets.sealing import Sealed, unseal

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
_NOT_SENT = frozenset(
    (
        *HOP_BY_HOP,
        *KEY_HEADERS,
        "host",
        "content-length",
        "content-encoding",
        "cookie",
        "accept-encoding",
        "expect",
        "forwarded",
    )
)
_REROUTING = re.compile(r"x[-_](?:forwarded|original|rewrite|http[-_]method|real[-_]ip|host)", re.I)
"""Headers that override the address or the method of the request line at some proxies."""
_VERSION = re.compile(r"v\d+[a-z0-9]*")


class NoKey(Exception):
    """The key is missing, or sealed with another MUSTER_SECRET_KEY. The message is a sentence."""


MASKED = b"[key]"


class WrongAddress(Exception):
    """A key was about to be sent to another host or port than its base URL's."""


@lru_cache(maxsize=1_000)
def base_of(address: str) -> URL:
    """A base URL, parsed by the HTTP client's own parser. Raises Refused for an invalid one."""
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused(502, "api_error", f"The base URL {address[:100]!r} is no http:// or https:// address")
    return url


@dataclass(frozen=True, slots=True)
class Upstream:
    """The base URL of one API, and the header with the key."""

    api: str
    base: URL
    key: tuple[str, str] | None
    credential: str
    patience_s: float | None = None
    """The agent's `provider_patience_s`; None: as long as its program waits."""

    def address(self, version: str, endpoint: str, query: Mapping[str, str] | None = None) -> URL:
        """The URL of an endpoint: scheme, host and port are the base URL's. As in the providers' SDKs, a base URL with a version gets no other. OpenAI's with any
        path gets none (`/openai/deployments/x`)."""
        parts = [part for part in self.base.raw_path.split("/") if part]
        is_whole = bool(parts) and (PROTOCOLS[self.api].api.has_whole_paths or _VERSION.fullmatch(parts[-1]) is not None)
        path = "/".join(["", *parts, *([] if is_whole else [version]), endpoint])
        return self.base.with_path(path, encoded=True).with_query(query)

    def headers(self, given: CIMultiDictProxy[str], target: URL) -> list[tuple[str, str]]:
        """The client's end-to-end headers with the key. Every request passes here. Raises WrongAddress."""
        if target.origin() != self.base.origin():
            # Paths joined as text had sent keys to other hosts: `/api.example@evil.example/v1/messages`.
            raise WrongAddress(f"{target.origin()} is not {self.base.origin()}")
        named = {name.strip().lower() for value in given.getall("Connection", []) for name in value.split(",")}
        kept = [
            (name, value)
            for name, value in given.items()
            if name.lower() not in _NOT_SENT and name.lower() not in named and not _REROUTING.match(name)
        ]
        return [*kept, ("accept-encoding", "identity"), *([self.key] if self.key else [])]

    @property
    def secret(self) -> bytes:
        """The key's bytes; empty: its server needs none."""
        return self.key[1].removeprefix("Bearer ").encode() if self.key else b""

    def masked(self, data: bytes) -> bytes:
        """Mask the key: a provider that echoes headers would hand it to the agent."""
        return data.replace(self.secret, MASKED) if self.secret else data

    def rate_limit_key(self, workspace_id: str) -> tuple[str, ...]:
        """The key of its rate limiter. Workspaces with the same provider key share one."""
        if self.key is None:
            return str(self.base), workspace_id, self.credential
        return str(self.base), hashlib.sha256(self.key[1].encode()).hexdigest()


class KeyMask:
    """Masks the key in a streamed answer."""

    def __init__(self, secret: bytes) -> None:
        self._secret, self._tail = secret, b""
        self.has_masked = False

    def feed(self, chunk: bytes, *, is_last: bool = False) -> bytes:
        """The masked bytes. A possible beginning of the key waits for more."""
        data = self._tail + chunk
        if self._secret in data:
            data, self.has_masked = data.replace(self._secret, MASKED), True
        longest = 0 if is_last else min(len(self._secret) - 1, len(data))
        kept = next((n for n in range(longest, 0, -1) if data.endswith(self._secret[:n])), 0)
        self._tail = data[len(data) - kept :]
        return data[: len(data) - kept]


async def upstream(workspace_id: str, api: str, place: dict[str, Any]) -> Upstream:
    """An access's upstream, with its key. Raises NoKey, and Refused for an invalid base URL."""
    base = base_of(str(place["base_url"]))
    key = await header(workspace_id, api, place)
    patience_s = float(place["patience_s"]) if "patience_s" in place else None
    return Upstream(api, base, key, str(place.get("credential", "")), patience_s)


async def header(workspace_id: str, api: str, upstream: dict[str, Any]) -> tuple[str, str] | None:
    """The header with the key of an access's upstream; None: its server needs none. Raises NoKey."""
    key = upstream.get("key")
    if not key:
        return None
    name, prefix = PROTOCOLS[api].api.header_of(key.get("variable", ""))
    return name, f"{prefix}{await cache.get((workspace_id, json.dumps(key, sort_keys=True)))}"


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
    """A key in an agent's env or settings."""
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


cache = RefreshingCache(_read, fresh_s=5, stale_s=15)
