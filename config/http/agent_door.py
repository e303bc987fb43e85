"""The agents' own address: a second listener of the web server that answers sessions' tokens alone, below /api/v1/ and at /mcp. A sandbox's proxy lets
agents reach this one and not the address of people: there they could try passwords, from an address that people share.
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
"""Set on each request that came by the second listener. From elsewhere it only takes away what its sender may do."""
ports: set[int] = set()
"""Where this process listens for agents."""


def is_at(scope: dict[str, Any]) -> bool:
    return scope["type"] == "http" and bool(scope.get("server")) and scope["server"][1] in ports


def entered(scope: dict[str, Any]) -> dict[str, Any]:
    """The request as the site gets it: marked, without cookies, and by a host name that is allowed, since tokens are no browser's."""
    name = HEADER.lower().encode()
    kept = [(key, value) for key, value in scope["headers"] if key not in (b"cookie", b"host", name)]
    host = urlsplit(settings.BASE_URL).netloc.encode()
    return {**scope, "headers": [*kept, (b"host", host), (name, b"1")]}


def only_sessions(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer a request that came by the agents' address only below the API, and with the token of a session."""

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
