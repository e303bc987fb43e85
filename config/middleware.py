"""What every request gets: an id, and a host name that is checked even where nobody asks for it."""

import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse


def request_context(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Bind a request id to the logs, answer it as `X-Request-Id`, and force the Host check (it is lazy in Django)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex[:16]
        request.get_host()  # raises DisallowedHost, answered 400
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = get_response(request)
        response["X-Request-Id"] = request_id
        return response

    return middleware
