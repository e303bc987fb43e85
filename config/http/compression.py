"""Pages and static files go out compressed: a first view is under 100 KB. Streams and the API are left alone: a hint
must not wait in a buffer, and programs are near."""

import gzip
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import FileResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware, re_accepts_gzip
from django.utils.cache import patch_vary_headers

SQUEEZABLE = ("text/css", "text/javascript", "application/javascript", "image/svg+xml")
LEAST = 500  # bytes: below, it does not pay


def compressed(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Django's own for pages, which pads at random against guessing by length; for static files a result that is kept."""
    pages = GZipMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if isinstance(response, FileResponse) and request.path.startswith(settings.STATIC_URL):
            return _static(request, response) if kind in SQUEEZABLE else response
        if isinstance(response, HttpResponse) and kind == "text/html":
            return pages.process_response(request, response)
        return response

    return middleware


def _static(request: HttpRequest, response: FileResponse) -> HttpResponseBase:
    patch_vary_headers(response, ("Accept-Encoding",))
    accepts = re_accepts_gzip.search(request.headers.get("Accept-Encoding", ""))
    if not accepts or request.method != "GET" or response.status_code != 200 or "Content-Encoding" in response.headers:
        return response
    whole = b"".join(response.streaming_content)  # type: ignore[arg-type]  # a file, read by this thread
    small = _squeezed(whole) if len(whole) >= LEAST else whole
    answer = HttpResponse(small, headers={name: value for name, value in response.headers.items() if name != "Content-Length"})
    if small is not whole:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Content-Length"] = str(len(small))
    if response.file_to_stream:
        response.file_to_stream.close()  # not the response: that would tell Django that the request is over
    return answer


@lru_cache(maxsize=64)
def _squeezed(whole: bytes) -> bytes:
    return gzip.compress(whole, mtime=0)
