"""Turns every error into a response: JSON in the contract's two shapes under /api/, a page elsewhere."""

import sys
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from workspaces.machine import disk

AWAY = "The database is not available. Nothing was changed: try again in a moment."
FULL = "The disk is full, so nothing can be saved or was changed. Free some space; Muster then continues by itself."
TITLES = {400: "Bad request", 403: "Not allowed", 404: "Not found", 500: "Something broke"}


def named(name: str, message: str) -> dict[str, Any]:
    """The contract's shape for everything but bad input: `{"name": ..., "data": {"message": ...}}`."""
    return {"name": name, "data": {"message": message}}


def invalid(message: str, *names: str) -> dict[str, Any]:
    """The contract's shape for bad input; `names` are the offending path, query or body properties."""
    return {"data": {}, "errors": [{"propertyNames": list(names), "message": message}], "success": False}


def _respond(request: HttpRequest, status: int, body: dict[str, Any], sentence: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(body, status=status)
    context = {
        "status": status,
        "title": TITLES[status],
        "sentence": sentence,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }
    return render(request, "shared/error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _respond(request, 400, invalid("Bad request"), "The server could not read this request.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    sentence = "This form is out of date or came from another site. Load the page again and repeat."
    return _respond(request, 403, named("ForbiddenError", f"CSRF check failed: {reason}"), sentence)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = str(exception) or "Your role does not allow this."
    return _respond(request, 403, named("ForbiddenError", sentence), sentence)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _respond(request, 404, named("NotFoundError", "Not found"), "There is nothing at this address, or you may not see it.")


def unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    """503: the database is unavailable, busy or full. A page that needs no database; a sentence for htmx."""
    is_full = disk.is_full(error)
    sentence = FULL if is_full else AWAY
    headers = {"Retry-After": "30" if is_full else "2"}
    if request.path.startswith("/api/"):
        return JsonResponse(named("UnavailableError", sentence), status=503, headers=headers)
    if request.headers.get("HX-Request"):
        return HttpResponse(sentence, status=503, content_type="text/plain; charset=utf-8", headers=headers)
    context = {
        "sentence": sentence,
        "again": request.method == "GET",
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }
    page = render_to_string("shared/unavailable.html", context)
    return HttpResponse(page, status=503, headers=headers)


def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError):
        return unavailable(request, error)
    sentence = "The error was logged. If it happens again, report it with the request id."
    return _respond(request, 500, named("InternalServerError", sentence), sentence)
