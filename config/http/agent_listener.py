"""The agents' listener: a second one of the web server, for session tokens alone, below /api/v1/ and at /mcp. A sandbox's proxy allows this one and not the
people's, where agents could guess passwords from an address shared with people.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from config.http import errors
from workspaces.people import tokens

PREFIX = "/api/v1/"
HEADER = "X-Muster-Door"
"""The mark of requests by this listener. A client that forges it only loses permissions."""
ports: set[int] = set()
"""The ports of this process for agents."""


def is_at(scope: dict[str, Any]) -> bool:
    return scope["type"] == "http" and bool(scope.get("server")) and scope["server"][1] in ports


def entered(scope: dict[str, Any]) -> dict[str, Any]:
    """The marked request, without cookies, and with an allowed host: a bearer token comes from no browser."""
    name = HEADER.lower().encode()
    kept = [(key, value) for key, value in scope["headers"] if key not in (b"cookie", b"host", name)]
    host = urlsplit(settings.BASE_URL).netloc.encode()
    return {**scope, "headers": [*kept, (b"host", host), (name, b"1")]}


def only_sessions(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: the agents' listener serves the API alone, and session tokens alone."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if HEADER not in request.headers:
            return get_response(request)
        if not request.path.startswith(PREFIX):
            return JsonResponse(errors.named("NotFoundError", "Agents reach /api/v1/ here, and nothing else"), status=404)
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        token = tokens.find(secret.strip()) if scheme.lower() == "bearer" else None
        if token is None or not token.session_ref:
            return JsonResponse(errors.named("UnauthorizedError", "Only the token of a session is answered here"), status=401)
        return get_response(request)

    return middleware
