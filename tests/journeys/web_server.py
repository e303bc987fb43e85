"""The web server as a process of its own, on the database of a test."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from config.system import sockets

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[str]:
    """The address of uvicorn on a free loopback port. `folder`: of its log. `settings`: more variables."""
    name = str(connection.settings_dict["NAME"])
    address = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{os.environ['DATABASE_URL'].rsplit('/', 1)[0]}/{name}"
    listener = sockets.listen("127.0.0.1", 0)
    log = folder / "server.out"
    with listener, open(log, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.web", "--fd", str(listener.fileno())],
            cwd=ROOT,
            env=os.environ | settings | {"DATABASE_URL": address},
            stdout=out,
            stderr=out,
            pass_fds=[listener.fileno()],
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    urllib.request.urlopen(f"{url}/healthz", timeout=10).close()
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                    time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            process.wait(20)
