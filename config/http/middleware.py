"""Middleware of every request: an id, a checked host name; on the API also JSON for each answer, and the number of the release."""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse

from config.http import errors
from workspaces.machine import release
from workspaces.values import ids

API = "/api/"

SUBJECTS = {
    "workspace_id": "workspace",
    "workspaceID": "workspace",
    "entry_id": "entry",
    "entryID": "entry",
    "session_id": "session",
    "sessionID": "session",
    "run_id": "session",
    "runID": "session",
}
"""Parts of the addresses of pages and of the API, and their names in the logs."""


def request_context(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Bind a request id to the logs and return it as `X-Request-Id`. First in the list, so that errors have it too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex[:16]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, **_stated(request))
        response = get_response(request)
        response["X-Request-Id"] = request_id
        return response

    middleware.process_view = _bind_subjects  # type: ignore[attr-defined]
    return middleware


def _stated(request: HttpRequest) -> dict[str, str]:
    """The caller's reason for a call of the API, percent-encoded in `Muster-Reason`: the activity log keeps it."""
    reason = request.headers.get("Muster-Reason") if request.path.startswith(API) else None
    return {"reason": "".join(filter(str.isprintable, unquote(reason)))[:500]} if reason else {}


def _bind_subjects(request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """Bind the workspace, entry and session of the address to the logs."""
    bound = {name: kwargs[part] for part, name in SUBJECTS.items() if ids.is_id(kwargs.get(part, ""))}
    structlog.contextvars.bind_contextvars(**bound)


def known_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Force the Host check, which is lazy in Django: an unknown name gets 400."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.get_host()  # raises DisallowedHost
        return get_response(request)

    return middleware


def api_names_release(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return the number of the release as `Muster-Version`, with errors too: programs see which API answers before they use it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(API):
            response["Muster-Version"] = release.NUMBER
        return response

    return middleware


def api_answers_json(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Give 405 of an API path the contract's shape, where ninja returns plain text."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code != 405 or not request.path.startswith(API):
            return response
        allowed = ", ".join(sorted(response["Allow"].split(", ")))
        body = errors.named("MethodNotAllowedError", f"{request.method} is not allowed here: {allowed}")
        return JsonResponse(body, status=405, headers={"Allow": allowed})

    return middleware
