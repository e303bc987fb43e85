"""What every request gets: an id, a host name that is checked even where nobody asks for it, and JSON from the API in any case."""

import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse

from config.http import errors


def request_context(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Bind a request id to the logs and answer it as `X-Request-Id`, with errors too: hence it stands first."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex[:16]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = get_response(request)
        response["X-Request-Id"] = request_id
        return response

    return middleware


def known_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Force the Host check, which is lazy in Django: a foreign name is answered 400."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.get_host()  # raises DisallowedHost
        return get_response(request)

    return middleware


def api_answers_json(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A method that an API path does not have: ninja answers plain text; here it gets the contract's shape."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code != 405 or not request.path.startswith("/api/"):
            return response
        allowed = ", ".join(sorted(response["Allow"].split(", ")))
        body = errors.named("MethodNotAllowedError", f"{request.method} is not allowed here: {allowed}")
        return JsonResponse(body, status=405, headers={"Allow": allowed})

    return middleware
