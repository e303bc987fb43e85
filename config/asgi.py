"""The application that uvicorn serves: event streams through Django's async handler, everything else at WSGI speed in threads."""

import os
import re
from typing import Any

import django
from a2wsgi import WSGIMiddleware
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config.http import agent_listener, static_files  # noqa: E402  (needs the settings)
from config.mcp import endpoint as mcp  # noqa: E402
from orchestration.repositories import serving  # noqa: E402

THREADS = 8
# A stop of all sessions waits until they have ended (orchestration/executor/stopping.py): in threads of its own, which no page needs.
STOP_THREADS = 16
STOP_ALL = re.compile(r"^/api/v1/workspaces/[^/]+/orchestration/(executor/stop-all|todo/entries/[^/]+/stop)$")
EVENT_STREAM = re.compile(r"^/(w/[^/]+/events/?|api/v1/workspaces/[^/]+/orchestration/events)$")

static_files.collect()
streams: Any = get_asgi_application()
wsgi: Any = get_wsgi_application()
pages: Any = WSGIMiddleware(wsgi, workers=THREADS)
stops: Any = WSGIMiddleware(wsgi, workers=STOP_THREADS)


def _needs_async(scope: dict[str, Any]) -> bool:
    """An event stream would occupy a thread for hours; WSGI treats a chunked body, which has no length, as empty."""
    return bool(EVENT_STREAM.match(scope["path"])) or any(name == b"transfer-encoding" for name, _ in scope["headers"])


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http" and scope["path"] == mcp.PATH:
        await mcp.application(agent_listener.entered(scope) if agent_listener.is_at(scope) else scope, receive, send, application)
    elif agent_listener.is_at(scope):
        await (streams if _needs_async(scope) else pages)(agent_listener.entered(scope), receive, send)
    elif scope["type"] == "http" and scope["path"].startswith("/git/"):
        await serving.application(scope, receive, send)
    elif scope["type"] == "http" and _needs_async(scope):
        await streams(scope, receive, send)
    elif scope["type"] == "http" and STOP_ALL.match(scope["path"]):
        await stops(scope, receive, send)
    else:
        await pages(scope, receive, send)  # answers lifespan too, and closes websockets
