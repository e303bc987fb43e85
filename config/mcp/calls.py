"""API calls within this process, by path and with the caller's token: the API's rules are the only ones."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from config.http import agent_listener

FORWARDED = (b"host", b"authorization", b"x-forwarded-for", b"x-forwarded-proto", agent_listener.HEADER.lower().encode())
MAX_TEXT = 200_000

Api = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class CallRefused(Exception):
    """The API refused the call, in one sentence."""


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Text:
    """The beginning or the end of a text."""

    text: str
    is_cut: bool


async def as_json(api: Api, scope: Mapping[str, Any], call: Call) -> Any:
    """The API's answer. Raises CallRefused."""
    return json.loads(await _answered(api, scope, call))


async def as_text(api: Api, scope: Mapping[str, Any], call: Call, *, end: bool) -> Text:
    """The first or last MAX_TEXT bytes of a text. Raises CallRefused."""
    content = await _answered(api, scope, call, most=MAX_TEXT + 1, end=end)
    part = content[-MAX_TEXT:] if end else content[:MAX_TEXT]
    return Text(part.decode("utf-8", "replace"), is_cut=len(content) > MAX_TEXT)


async def _answered(api: Api, scope: Mapping[str, Any], call: Call, *, most: int | None = None, end: bool = False) -> bytes:
    body = b"" if call.body is None else json.dumps(call.body).encode()
    sent = iter([{"type": "http.request", "body": body, "more_body": False}])
    status, content = 0, b""

    async def receive() -> MutableMapping[str, Any]:
        return next(sent, {"type": "http.disconnect"})

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, content
        if message["type"] == "http.response.start":
            status = message["status"]
        elif most is None or end or len(content) < most:
            content += message.get("body", b"")
            if most is not None:
                content = content[-most:] if end else content[:most]

    await api(_scope(scope, call, len(body)), receive, send)
    if status >= 400:
        raise CallRefused(sentence(status, content))
    return content


def _scope(scope: Mapping[str, Any], call: Call, length: int) -> dict[str, Any]:
    kept = [(name, value) for name, value in scope["headers"] if name in FORWARDED]
    more = {"content-type": "application/json", "content-length": str(length), "accept": "*/*", **(call.headers or {})}
    headers = [*kept, *((name.lower().encode(), value.encode("latin1")) for name, value in more.items())]
    same = {name: scope[name] for name in ("type", "asgi", "http_version", "scheme", "client", "server") if name in scope}
    return {
        **same,
        "method": call.method,
        "path": call.path,
        "raw_path": quote(call.path).encode(),
        "root_path": "",
        "query_string": urlencode(call.query).encode(),
        "headers": headers,
    }


def sentence(status: int, content: bytes) -> str:
    """The API's error as one sentence."""
    try:
        error = json.loads(content)
        if "errors" in error:
            first = error["errors"][0]
            names = ", ".join(first["propertyNames"])
            return f"{names}: {first['message']}" if names else str(first["message"])
        return str(error["data"]["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        return f"Muster answered {status}"
