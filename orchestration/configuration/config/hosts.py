"""A host in a config: `host`, `host:port`, `*.domain`, `[address]:port`."""

import ipaddress
import re

_LABELS = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")


def split(text: str) -> tuple[str, int | None]:
    """The normalised host, and the port, if any. Raises ValueError."""
    if text.startswith("["):
        host, bracket, end = text[1:].partition("]")
        if not bracket or (end and not end.startswith(":")):
            raise ValueError("is not an address in brackets")
        return str(ipaddress.IPv6Address(host)), _port(end[1:]) if end else None
    if text.count(":") > 1:
        return str(ipaddress.IPv6Address(text)), None
    host, colon, port = text.partition(":")
    return plain(host), _port(port) if colon else None


def plain(host: str) -> str:
    """A host name in lower case without a trailing dot, or a compressed IP address. Raises ValueError."""
    host = host.lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if len(host) > 253 or not _LABELS.fullmatch(host):
        raise ValueError("is not a host")
    return host


def listed(text: str) -> str:
    """Validate and normalise an entry of a host list. Raises ValueError."""
    try:
        if text.startswith("*."):
            return "*." + plain(text[2:])
        host, port = split(text)
    except ValueError:
        raise ValueError("must be a host, host:port or *.domain") from None
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65_536):
        raise ValueError("is not a port")
    return int(text)
