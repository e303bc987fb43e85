"""The real application on a real port, in threads of this process: for what needs streams or a browser."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import override_settings

from config import asgi, web
from config.http import static_files
from config.system import sockets


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The server's address. Its threads keep no connection between requests: one would keep the test database from being dropped."""
    options = connections.settings["default"]
    kept, options["CONN_MAX_AGE"] = options["CONN_MAX_AGE"], 0
    listener = sockets.listen("127.0.0.1", 0)
    server = uvicorn.Server(web.uvicorn_config(asgi.application))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        options["CONN_MAX_AGE"] = kept


@contextlib.contextmanager
def collected(folder: Path) -> Iterator[None]:
    """Static files as in production, in `folder`: collected, compressed, with hashed names on pages of the server and of clients."""
    options = {"WHITENOISE_AUTOREFRESH": False, "WHITENOISE_USE_FINDERS": False}
    storages = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
    usual = asgi.pages
    with override_settings(STATIC_ROOT=folder / settings.BUILD, STORAGES=storages, **options):
        static_files.collect()
        asgi.pages = WSGIMiddleware(get_wsgi_application(), workers=asgi.THREADS)
        try:
            yield
        finally:
            asgi.pages = usual
