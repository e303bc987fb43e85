"""A receiver whose TLS takes nearly all of the time, and whose answer then drips: five seconds are five seconds."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.workspaces.notices.receiver import certified
from workspaces.outgoing import posting


@pytest.fixture
def dripping(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """It waits before its part of the handshake, then sends a byte at a time."""
    context, known = certified("localhost", tmp_path)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            plain, _ = listening.accept()
            time.sleep(0.8)
            with context.wrap_socket(plain, server_side=True) as talking:
                talking.recv(4096)
                for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 200:
                    talking.send(bytes([letter]))
                    time.sleep(0.1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1], known
    listening.close()
    thread.join(30)


@pytest.mark.alone
@pytest.mark.parametrize("longest", [1.0, 0.7, 0.801])
def test_it_ends_in_time(dripping: tuple[int, Path], monkeypatch: pytest.MonkeyPatch, settings: Any, longest: float) -> None:
    port, known = dripping
    settings.WEBHOOK_ALLOW = "localhost"
    monkeypatch.setattr(posting, "TIMEOUT_S", longest)
    context = ssl.create_default_context(cafile=str(known))
    monkeypatch.setattr(posting.ssl, "create_default_context", lambda: context)
    begun = time.monotonic()
    answer = posting.post(f"https://localhost:{port}/", b"{}", {})
    assert not answer.ok and time.monotonic() - begun < longest + 0.5
    assert answer.text.startswith("No response")
