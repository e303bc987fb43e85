"""The ASGI application at /mcp. It bypasses Django's middleware: host, origin, token and size are checked here. Errors have the API's format."""

import asyncio
import importlib.util
import io
import json
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import Error, close_old_connections

from config.http import agent_listener, errors
from workspaces import access
from workspaces.access import Caller
from workspaces.machine import release
from workspaces.people import tokens

if settings.MCP:
    from workspaces.oauth import metadata

log = structlog.get_logger(__name__)

PATH = "/mcp"
EXTRA = "This Muster serves no MCP: install the extra `mcp` with `./muster install mcp`, and start it again"
CALLER = "muster.caller"
PLAIN = (b"www-authenticate", b'Bearer realm="muster"')

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Api = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, name: str, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers
        self.body = errors.invalid(message) if status == 400 else errors.named(name, message)


async def application(scope: dict[str, Any], receive: Receive, send: Send, api: Api) -> None:
    """Answer one request of the protocol."""
    request_id = uuid.uuid4().hex[:16]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    named = _with_headers(send, request_id)
    try:
        with tokens.at_mcp():
            body = await _checked(scope, receive)
            server = await asyncio.to_thread(import_module, "config.mcp.server")
            await server.handle(scope, _replayed(body, receive), named, api)
    except Refused as refused:
        await _answer(named, refused)
    except Exception:
        log.exception("mcp.failed")
        await _answer(named, Refused(500, "InternalServerError", "The error was logged. Report it with the request id"))


async def _checked(scope: dict[str, Any], receive: Receive) -> bytes:
    """Authenticate a request, put its caller into the scope, and return the body. Raises Refused."""
    headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}
    host = _host(scope)
    if (origin := headers.get("origin")) and origin not in {f"http://{host}", f"https://{host}", settings.BASE_URL}:
        raise Refused(403, "ForbiddenError", "This origin may not call Muster")
    if importlib.util.find_spec("mcp") is None:
        raise Refused(404, "NotFoundError", EXTRA)
    if scope["method"] != "POST":
        raise Refused(405, "MethodNotAllowedError", f"{scope['method']} is not allowed here: POST", (b"allow", b"POST"))
    scope[CALLER] = await sync_to_async(_caller, thread_sensitive=False)(headers, _challenge(scope, headers))
    return await _read_body(receive)


def _host(scope: dict[str, Any]) -> str:
    try:
        return ASGIRequest(scope, io.BytesIO()).get_host()
    except DisallowedHost:
        raise Refused(400, "", "This host name is not in MUSTER_ALLOWED_HOSTS") from None


def _challenge(scope: dict[str, Any], headers: dict[str, str]) -> tuple[bytes, bytes]:
    """The WWW-Authenticate header, with the resource metadata (RFC 9728) except for agents: they get their tokens otherwise."""
    if not settings.MCP or agent_listener.HEADER.lower() in headers:
        return PLAIN
    return PLAIN[0], metadata.challenge(ASGIRequest(scope, io.BytesIO())).encode("latin1")


def _caller(headers: dict[str, str], challenge: tuple[bytes, bytes] = PLAIN) -> Caller:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(401, "UnauthorizedError", "Send `Authorization: Bearer <token>`", challenge)
    try:
        token = tokens.find(secret.strip())
        if token is None:
            raise Refused(401, "UnauthorizedError", tokens.why_void(secret.strip()), challenge)
        if agent_listener.HEADER.lower() in headers and not token.session_ref:
            raise Refused(401, "UnauthorizedError", "Only the token of a session is answered here", challenge)
        tokens.mark_used(token)
        return access.of_token(token)
    except Error:
        raise Refused(503, "UnavailableError", errors.AWAY, (b"retry-after", b"2")) from None
    finally:
        close_old_connections()


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "", "The request ended early")
        body += bytes(message.get("body", b""))
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise Refused(413, "TooLargeError", f"A request has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes")
        if not message.get("more_body", False):
            return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> MutableMapping[str, Any]:
        return next(messages, None) or await receive()

    return again


def _with_headers(send: Send, request_id: str) -> Send:
    """Add the headers of the API's answers: request id and release."""
    named = [(b"x-request-id", request_id.encode()), (b"muster-version", release.NUMBER.encode())]

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *named]}
        await send(message)

    return sending


async def _answer(send: Send, refused: Refused) -> None:
    headers = [(b"content-type", b"application/json"), *refused.headers]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(refused.body).encode(), "more_body": False})
