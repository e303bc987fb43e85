"""The addresses that a webhook may go to: https, public, resolved once. Hosts in MUSTER_WEBHOOK_ALLOW may also be private, and plain http.
The connection uses the resolved address, so that the name cannot change its meaning in between."""

import ipaddress
import re
import socket
import threading
from dataclasses import dataclass
from functools import partial
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

MAX_URL_LENGTH = 2000
LOOKUP_S = 5.0

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NUMBERS = re.compile(r"(0x)?[0-9a-f]+(\.(0x)?[0-9a-f]+){0,3}")
_NATIVE = ipaddress.ip_network("2000::/3")
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))
"""6to4 and Teredo embed an IPv4 address; webhooks do not need them."""
_NEAR = tuple(ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
"""Global by Python's table, but used by clouds: metadata (Oracle), 6to4 relays, the host's agent (Azure)."""


class NotAllowed(Exception):
    """A webhook may not go there. The message says why, without the resolved address."""


@dataclass(frozen=True)
class Destination:
    """The address to connect to, and the request's host and path."""

    ip: str
    port: int
    host: str
    named: str
    path: str
    tls: bool


def check(url: str) -> SplitResult:
    """Check a URL without resolving it. Raises NotAllowed."""
    if len(url) > MAX_URL_LENGTH or not url.isascii() or any(ord(c) <= 32 or ord(c) == 127 for c in url) or "\\" in url:
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
        _check_addresses(parts, [literal])
    return parts


def resolve(url: str) -> Destination:
    """Resolve the host once, and check all of its addresses. Raises NotAllowed, or OSError when the host is not found."""
    parts = check(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    ips = _lookup(host, port)
    _check_addresses(parts, [ipaddress.ip_address(ip) for ip in ips])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(ips[0], port, host, parts.netloc, path, parts.scheme == "https")


def is_public(address: _Address) -> bool:
    """True if it is an address on the public internet. A mapped IPv4 address counts as that address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _NATIVE or any(address in tunnel for tunnel in _TUNNELS):
            return False
    elif any(address in near for near in _NEAR):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _check_addresses(parts: SplitResult, addresses: list[_Address]) -> None:
    """All must pass: a name with a public and a private address is an attack or a mistake."""
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
    """The address that a host names by itself, without a resolver: `127.1` and `0x7f000001` are addresses too, and so is `localhost`."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return ipaddress.ip_address("127.0.0.1")
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(name)) if _NUMBERS.fullmatch(name) else None
    except OSError:
        return None


def _lookup(host: str, port: int) -> list[str]:
    """Addresses from the system's resolver, which has no time limit of its own. Raises OSError, also after LOOKUP_S."""
    ips: list[str] = []
    failure: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                ips.append(str(place[0]).partition("%")[0])
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 letters
            failure.append(error)

    lookup = threading.Thread(target=partial(ask), name="lookup", daemon=True)
    lookup.start()
    lookup.join(LOOKUP_S)
    if failure or lookup.is_alive() or not ips:
        raise OSError("the host's name is not found")
    return ips


def _allowed() -> list[str]:
    return [item.strip().lower() for item in settings.WEBHOOK_ALLOW.split(",") if item.strip()]


def _allowed_networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    networks = []
    for item in _allowed():
        try:
            networks.append(ipaddress.ip_network(item.strip("[]"), strict=False))
        except ValueError:
            continue  # a host's name
    return networks


def _allowed_hosts() -> set[str]:
    return set(_allowed())
