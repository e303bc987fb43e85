"""Where a webhook may go: https, to a public address, looked up once. What the operator names in MUSTER_WEBHOOK_ALLOW may also be
private, and plain http. The look-up's answer is what is connected to, so that a name cannot mean something else a moment later.
"""

import ipaddress
import socket
import threading
from dataclasses import dataclass
from functools import partial
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

LONGEST = 2000
LOOKUP_S = 5.0

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NATIVE = ipaddress.ip_network("2000::/3")
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))
"""6to4 and Teredo carry an IPv4 address inside: nobody needs them for a webhook."""
_NEAR = tuple(ipaddress.ip_network(one) for one in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
"""Counted as global by Python's table, and yet a cloud's own: metadata (Oracle), the way into a tunnel, the host's agent (Azure)."""


class NotAllowed(Exception):
    """A webhook may not go there. The message says why, and names no address that the look-up found."""


@dataclass(frozen=True)
class Place:
    """What to connect to, and what to say there."""

    ip: str
    port: int
    host: str
    named: str
    path: str
    tls: bool


def check(url: str) -> SplitResult:
    """The shape of an address, without a look-up. Raises NotAllowed."""
    if len(url) > LONGEST or not url.isascii() or any(ord(c) <= 32 or ord(c) == 127 for c in url) or "\\" in url:
        raise NotAllowed("is not a URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotAllowed("is not a URL") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise NotAllowed("must be an https URL")
    if parts.username is not None or parts.password is not None:
        raise NotAllowed("may not carry a user or password")
    if parts.scheme == "http" and not settings.WEBHOOK_ALLOW:
        raise NotAllowed("must be an https URL")
    literal = _literal(parts.hostname)
    if literal is not None:
        _judge(parts, [literal])
    return parts


def find(url: str) -> Place:
    """Look the host up, once, and judge every address that it has. Raises NotAllowed, or OSError when it is not found."""
    parts = check(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = _lookup(host, port)
    _judge(parts, [ipaddress.ip_address(ip) for ip in found])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(found[0], port, host, parts.netloc, path, parts.scheme == "https")


def is_public(address: _Address) -> bool:
    """Whether it is somebody's out on the internet. An address within an address counts as the inner one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _NATIVE or any(address in tunnel for tunnel in _TUNNELS):
            return False
    elif any(address in near for near in _NEAR):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _judge(parts: SplitResult, addresses: list[_Address]) -> None:
    """All of them must do: a name with one public and one private address is a trick or a mistake."""
    host = parts.hostname or ""
    named = host.lower() in _allowed_hosts()
    networks = _allowed_networks()
    for address in addresses:
        inner = getattr(address, "ipv4_mapped", None) or address
        listed = named or any(inner.version == network.version and inner in network for network in networks)
        if parts.scheme == "http" and not listed:
            raise NotAllowed("must be an https URL")
        if not listed and not is_public(address):
            raise NotAllowed("leads to an address that is not public: only MUSTER_WEBHOOK_ALLOW can permit it")


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _lookup(host: str, port: int) -> list[str]:
    """The system's resolver, but not for ever: it has no time limit of its own. Raises OSError."""
    answer: list[str] = []
    failure: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                answer.append(str(place[0]).partition("%")[0])
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 letters
            failure.append(error)

    asking = threading.Thread(target=partial(ask), name="lookup", daemon=True)
    asking.start()
    asking.join(LOOKUP_S)
    if failure or asking.is_alive() or not answer:
        raise OSError("the host's name is not found")
    return answer


def _allowed() -> list[str]:
    return [item.strip().lower() for item in settings.WEBHOOK_ALLOW.split(",") if item.strip()]


def _allowed_networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for item in _allowed():
        try:
            found.append(ipaddress.ip_network(item.strip("[]"), strict=False))
        except ValueError:
            continue  # a host's name
    return found


def _allowed_hosts() -> set[str]:
    return set(_allowed())
