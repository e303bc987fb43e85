"""The real application on a real port, in threads of this process: for what needs streams or a browser."""

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn
from django.db import connections

from config import sockets, web
from config.asgi import application


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The server's address. Its threads keep no connection between requests: one would keep the test database from being dropped."""
    options = connections.settings["default"]
    kept, options["CONN_MAX_AGE"] = options["CONN_MAX_AGE"], 0
    listener = sockets.listen("127.0.0.1", 0)
    server = uvicorn.Server(web.uvicorn_config(application))
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
