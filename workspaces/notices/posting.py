"""One POST to one vetted address. The standard library's client, because its `connect` can be given the address that was judged;
no proxy, no redirect, no cookie, and an end to everything.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from workspaces.notices import addresses
from workspaces.notices.addresses import NotAllowed, Place

LONGEST_S = 5.0
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """How a send went. `status` is what HTTP said, None when nothing was heard; `text` the start of the answer, or what went wrong."""

    ok: bool
    text: str
    status: int | None = None
    took_ms: int = 0


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was judged, and to no other; TLS still asks for the host's certificate."""

    def __init__(self, place: Place, until: float) -> None:
        super().__init__(place.host, place.port, timeout=LONGEST_S)
        self._place, self._until = place, until

    def connect(self) -> None:
        self.sock = dial(self._place.ip, self._place.port)
        if self._place.tls:
            self.sock.settimeout(
                max(self._until - time.monotonic(), 0.01)
            )  # for the whole handshake, which the watchdog cannot cut
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._place.host)
        if time.monotonic() >= self._until:  # the watchdog has been, and will not come again
            raise TimeoutError


def dial(ip: str, port: int) -> socket.socket:
    """A connection to this address. Without the resolver, which `socket.create_connection` would ask again."""
    opened = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    opened.settimeout(LONGEST_S)
    try:
        opened.connect((ip, port))
    except OSError:
        opened.close()
        raise
    return opened


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send, and hear the answer within five seconds. Never raises for what the other side does."""
    began = time.monotonic()
    try:
        answer = _exchange(addresses.find(url), body, headers, until=began + LONGEST_S)
    except NotAllowed as refused:
        answer = Answer(False, f"The address {refused}")
    except (OSError, http.client.HTTPException) as error:
        answer = Answer(False, _why(error, time.monotonic() - began))
    return Answer(answer.ok, answer.text, answer.status, int((time.monotonic() - began) * 1000))


def _exchange(place: Place, body: bytes, headers: Mapping[str, str], *, until: float) -> Answer:
    connection = _Pinned(place, until)
    # A socket's timeout is for each read: an answer that drips would go on for ever without this.
    watchdog = threading.Timer(max(until - time.monotonic(), 0), _cut, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("POST", place.path, body, {"Host": place.named, **headers})
        response = connection.getresponse()
        said = response.read(MOST_BYTES)
    finally:
        watchdog.cancel()
        connection.close()
    if 300 <= response.status < 400:
        return Answer(False, "It answered with a redirect, which is not followed", response.status)
    return Answer(200 <= response.status < 300, printable(said.decode("utf-8", "replace")), response.status)


def _cut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _why(error: Exception, took: float) -> str:
    if isinstance(error, TimeoutError) or took >= LONGEST_S:
        return f"Nothing was heard within {LONGEST_S:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not good: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused"
    if isinstance(error, (http.client.HTTPException, ssl.SSLError)):
        return f"It does not speak as it should: {type(error).__name__}"
    return f"It could not be reached: {error.strerror if isinstance(error, OSError) and error.strerror else error}"


def printable(text: str) -> str:
    """The first 500 characters, without what a database or a page cannot take."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text[:500]).strip()
