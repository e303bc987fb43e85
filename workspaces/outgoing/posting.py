"""One request to one checked address. Uses the standard library's client, because its `connect` can take the checked address; no proxy, no
redirect, no cookie, and a time limit on everything.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from workspaces.outgoing import addresses
from workspaces.outgoing.addresses import Destination, NotAllowed
from workspaces.secrets.masking import foreign

TIMEOUT_S = 5.0
MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """An HTTP response. `headers`: their names in lower case. `content`: its first bytes."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Result:
    """The result of an attempt. `status`: of HTTP, None without a response; `text`: the start of the response, or the error."""

    ok: bool
    text: str
    status: int | None = None
    took_ms: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", foreign(self.text))


class _Pinned(http.client.HTTPConnection):
    """Connects to the checked address only; TLS still verifies the certificate of the host's name."""

    def __init__(self, destination: Destination, until: float, timeout_s: float) -> None:
        super().__init__(destination.host, destination.port, timeout=timeout_s)
        self._place, self._until = destination, until

    def connect(self) -> None:
        self.sock = dial(self._place.ip, self._place.port)
        self.sock.settimeout(self.timeout)
        if self._place.tls:
            self.sock.settimeout(
                max(self._until - time.monotonic(), 0.01)
            )  # for the whole handshake, which the watchdog cannot interrupt
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._place.host)
        if time.monotonic() >= self._until:  # the watchdog has already run
            raise TimeoutError


def dial(ip: str, port: int) -> socket.socket:
    """Connect to this address."""
    # Not socket.create_connection: it asks the resolver again, which may answer another address than the one that was checked.
    opened = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    opened.settimeout(TIMEOUT_S)
    try:
        opened.connect((ip, port))
    except OSError:
        opened.close()
        raise
    return opened


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Result:
    """Send and read the response within TIMEOUT_S. Never raises for errors of the other side."""
    began = time.monotonic()
    try:
        result = _exchange(addresses.resolve(url), body, headers, until=began + TIMEOUT_S)
    except NotAllowed as refused:
        result = Result(False, f"The address {refused}")
    except (OSError, http.client.HTTPException) as error:
        result = Result(False, why(error, time.monotonic() - began, TIMEOUT_S))
    return Result(result.ok, result.text, result.status, int((time.monotonic() - began) * 1000))


def _exchange(destination: Destination, body: bytes, headers: Mapping[str, str], *, until: float) -> Result:
    answer = exchange(destination, "POST", body, headers, until=until, timeout_s=TIMEOUT_S)
    if 300 <= answer.status < 400:
        return Result(False, "It answered with a redirect, which is not followed", answer.status)
    return Result(200 <= answer.status < 300, printable(answer.content.decode("utf-8", "replace")), answer.status)


def exchange(
    destination: Destination,
    method: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    until: float,
    timeout_s: float,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """`until`: of the monotonic clock. Raises OSError or HTTPException; `why` has the sentence for a person."""
    connection = _Pinned(destination, until, timeout_s)
    # A socket's timeout is for each read: without this, a slow response would never end.
    watchdog = threading.Timer(max(until - time.monotonic(), 0), _cut, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request(method, destination.path, body or None, {"Host": destination.named, **headers})
        response = connection.getresponse()
        content = response.read(max_bytes)
    finally:
        watchdog.cancel()
        connection.close()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


def _cut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def why(error: Exception, took: float, timeout_s: float) -> str:
    """The error, as a sentence."""
    if isinstance(error, TimeoutError) or took >= timeout_s:
        return f"No response within {timeout_s:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not valid: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused"
    if isinstance(error, (http.client.HTTPException, ssl.SSLError)):
        return f"It does not follow the protocol: {type(error).__name__}"
    return f"It could not be reached: {error.strerror if isinstance(error, OSError) and error.strerror else error}"


def printable(text: str) -> str:
    """The first 500 characters, without control characters and secrets."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in foreign(text, 500)).strip()
