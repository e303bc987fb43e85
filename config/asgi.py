"""What uvicorn serves: event streams through Django's async handler, everything else at WSGI speed in threads."""

import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from a2wsgi import WSGIMiddleware
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

THREADS = 8
EVENT_STREAM = re.compile(r"^/(w/[^/]+/events/?|api/v1/workspaces/[^/]+/orchestration/events)$")

streams = get_asgi_application()
pages: Any = WSGIMiddleware(get_wsgi_application(), workers=THREADS)


def _needs_async(scope: Scope) -> bool:
    """An event stream would hold a thread for hours; a chunked body has no length, which WSGI takes for an empty one."""
    return bool(EVENT_STREAM.match(scope["path"])) or any(name == b"transfer-encoding" for name, _ in scope["headers"])


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http" and _needs_async(scope):
        await streams(scope, receive, send)
    else:
        await pages(scope, receive, send)  # answers lifespan too, and closes websockets
