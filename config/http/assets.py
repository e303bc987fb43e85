"""Styles and scripts as one file each: a page asks for few things, and keeps them for good.

The address names the build, so what is kept is never outdated. Nothing of third parties is ours: htmx is read from django-htmx.
"""

import gzip
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

BUNDLES = {
    "muster.css": [
        # In the order in which they may overrule each other: what is common first, pages last.
        *(f"css/{name}.css" for name in ("tokens", "base", "shell", "controls", "data", "budget", "review")),
        *(f"css/{name}.css" for name in ("overview", "executor", "entries", "workers", "log", "round", "settings")),
    ],
    "muster.js": [
        "django_htmx/htmx-2.min.js",
        "django_htmx/ext/hx-sse-2.min.js",
        *(f"js/{name}.js" for name in ("streams", "live", "regions", "results", "stop", "keys", "copy")),
    ],
    "workers.js": [f"js/{name}.js" for name in ("workers", "log", "log_tools")],
}
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


def address(name: str) -> str:
    """Where a bundle is, for as long as it is what it is now."""
    return reverse("asset", args=[settings.BUILD, name])


def asset(request: HttpRequest, build: str, name: str) -> HttpResponse:
    """A bundle. Compressed once a process; an address of another build gets what there is now, and may not keep it."""
    if name not in BUNDLES:
        raise Http404
    if settings.DEBUG:
        _joined.cache_clear()
        _squeezed.cache_clear()
    squeezed = "gzip" in request.headers.get("Accept-Encoding", "")
    body = _squeezed(name, settings.BUILD) if squeezed else _joined(name, settings.BUILD)
    response = HttpResponse(body, content_type=TYPES[Path(name).suffix])
    response["Cache-Control"] = (
        "public, max-age=31536000, immutable" if build == settings.BUILD and not settings.DEBUG else "no-cache"
    )
    response["Vary"] = "Accept-Encoding"
    if squeezed:
        response["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=8)
def _joined(name: str, build: str) -> bytes:
    return read(name)


@lru_cache(maxsize=8)
def _squeezed(name: str, build: str) -> bytes:
    return gzip.compress(_joined(name, build), mtime=0)


def read(name: str) -> bytes:
    """The files of a bundle, one after the other."""
    parts = []
    for file in BUNDLES[name]:
        found = finders.find(file)
        if found is None:
            raise FileNotFoundError(f"{name} wants {file}, which is nowhere")
        parts.append(Path(str(found)).read_bytes())
    return b"\n".join(parts)
