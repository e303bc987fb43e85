"""Change notifications for open pages, as Server-Sent Events: `event: <topic>`, and a heartbeat. They carry no data: pages fetch the change.

`?topics=workers,log-<session id>` selects topics; `tick` (the executor's tick) and log topics are sent only on request. The heartbeat is
JSON: `at` (the server's clock), `seq` (number of the heartbeat), `build` (version of the pages: another one means reload), and `tick` (time
of the executor's last tick, or null). The changes come from `subscriptions.py`.
"""

import asyncio
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from dashboard.live.subscriptions import hub
from workspaces import access
from workspaces.access import Caller
from workspaces.errors import Forbidden, NotFound, Refused, Unauthorized
from workspaces.people import standing, tokens

TOPICS = ("executor", "workers", "entries", "locks", "landing", "budget")
ON_REQUEST = re.compile(r"tick|log-sess_[0-9a-z]{16,40}")
MAX_TOPICS = 20
HEARTBEAT_S = 10.0
RECHECK_S = 30.0
GAP_S = 0.5  # between two bursts of one stream; changes in between are combined
RETRY_MS = 3000
MAX_PER_CALLER = 20

FindCaller = Callable[[], Caller]
_open: Counter[str] = Counter()  # by caller


async def page(request: HttpRequest, workspace_id: str) -> HttpResponse | StreamingHttpResponse:
    """The stream for pages, authenticated by the browser's session."""
    return await _open_stream(request, workspace_id, lambda: _person(request))


async def api(request: HttpRequest, workspace_id: str) -> HttpResponse | StreamingHttpResponse:
    """The stream for programs, authenticated by a bearer token or the browser's session. Errors have the API's shape."""
    return await _open_stream(request, workspace_id, lambda: _program(request))


async def _open_stream(request: HttpRequest, workspace_id: str, who: FindCaller) -> HttpResponse | StreamingHttpResponse:
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET"})

    def look() -> str:
        """Check access, then close the database connection: an idle stream holds none."""
        try:
            caller = who()
            access.workspace_for(caller, workspace_id)
            return f"{caller.name}#{caller.token.pk}" if caller.token else caller.name  # two tokens may have one name
        finally:
            _close_connections()

    authorize = sync_to_async(look)
    try:
        name = await authorize()
    except Refused as refused:
        return _error_response(refused)
    if _open[name] >= MAX_PER_CALLER:
        return _error_response(Forbidden(f"More than {MAX_PER_CALLER} streams are open: close some"), status=429)
    events = _events(workspace_id, name, authorize, _topics(request.GET.get("topics", "")))
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


def _topics(requested: str) -> frozenset[str]:
    """The valid requested topics; the default topics if there are none."""
    named = requested[:2000].split(",")[:MAX_TOPICS]
    return frozenset(name for name in named if name in TOPICS or ON_REQUEST.fullmatch(name)) or frozenset(TOPICS)


async def _events(
    workspace_id: str, name: str, recheck: Callable[[], Awaitable[str]], topics: frozenset[str]
) -> AsyncIterator[bytes]:
    """Changes and heartbeats until the client disconnects or loses access."""
    _open[name] += 1
    beats = itertools.count(1)
    try:
        async with hub.subscribe(workspace_id, topics) as stream:
            yield f"retry: {RETRY_MS}\n\n".encode() + _heartbeat(next(beats))
            beat = checked_at = time.monotonic()
            while True:
                changes = await stream.next_changes(max(0.0, beat + HEARTBEAT_S - time.monotonic()))
                if time.monotonic() >= checked_at + RECHECK_S:
                    try:
                        await recheck()
                    except Refused:
                        return
                    checked_at = time.monotonic()
                if changes:
                    yield b"".join(f"event: {topic}\ndata: {version}\n\n".encode() for topic, version in changes.items())
                if time.monotonic() >= beat + HEARTBEAT_S:
                    beat = time.monotonic()
                    yield _heartbeat(next(beats))
                if changes:
                    await asyncio.sleep(GAP_S)
    finally:
        _open[name] -= 1
        if not _open[name]:
            del _open[name]


def _heartbeat(number: int) -> bytes:
    payload = {"at": round(time.time(), 3), "seq": number, "build": settings.BUILD, "tick": hub.ticked_at}
    return f"event: hb\ndata: {json.dumps(payload)}\n\n".encode()


def _person(request: HttpRequest) -> Caller:
    request.session = type(request.session)(request.session.session_key)  # read again: it may have changed since the stream began
    user = get_user(request)
    if not user.is_authenticated:
        raise Unauthorized("Log in, or send `Authorization: Bearer <token>`")
    if not user.is_superuser and (why := standing.why_over(user.pk)):  # the login may have ended since the stream began
        raise Unauthorized(why)
    return access.of_user(user)


def _program(request: HttpRequest) -> Caller:
    """The caller of a program, as in `config.http.api`: an invalid token is refused even with a valid session cookie."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return _person(request)
    token = tokens.find(secret.strip())
    if token is None:
        raise Unauthorized(tokens.why_void(secret.strip()))
    return access.of_token(token)


def _close_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def _error_response(refused: Refused, status: int = 0) -> HttpResponse:
    kinds = {Unauthorized: (401, "UnauthorizedError"), Forbidden: (403, "ForbiddenError"), NotFound: (404, "NotFoundError")}
    usual, name = kinds[type(refused)]
    response = JsonResponse({"name": name, "data": {"message": refused.message}}, status=status or usual)
    if usual == 401:
        response["WWW-Authenticate"] = 'Bearer realm="muster"'
    return response
