"""Pages are compressed on their way out. Static files are compressed when they are collected. Event streams and the API are not: an
event must not wait in a buffer, and API clients are near."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


def compressed(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Django's own middleware, which adds random padding against guesses by length."""
    pages = GZipMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if isinstance(response, HttpResponse) and kind == "text/html":
            return pages.process_response(request, response)
        return response

    return middleware
