"""Tokens that agents show in place of a provider's key: the id of its access, with a signature. A token that Muster did not make is refused without
a look at the database; whether an access is still open, the database knows, and from which address it was used first."""

import hashlib
import hmac
import ipaddress
import re

from django.conf import settings

PROXIES = "trusted proxies"
"""The origin of what trusted proxies pass on without an address that they vouch for."""

_TOKEN = re.compile(r"muster-(?P<access>access_[0-9a-z]{20})-(?P<signature>[0-9a-f]{40})")


def token_of(access_id: str) -> str:
    return f"muster-{access_id}-{_signature(access_id, settings.SECRET_KEY)}"


def access_of(token: str) -> str | None:
    """The id of its access; None: Muster did not make this token."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    is_ours = [hmac.compare_digest(match["signature"], _signature(match["access"], key)) for key in keys]
    return match["access"] if any(is_ours) else None


def origin_of(peer: str, forwarded: str) -> str:
    """The address that shows a token: the peer's, or the one that MUSTER_TRUSTED_PROXIES vouch for in `X-Forwarded-For`. IPv6 by its /64 network, in which one
    host has several addresses."""
    networks = [ipaddress.ip_network(each, strict=False) for each in settings.TRUSTED_PROXIES]
    for hop in reversed([*forwarded.split(","), peer]):
        try:
            address = ipaddress.ip_address(hop.strip().partition("%")[0])
        except ValueError:
            break
        address = getattr(address, "ipv4_mapped", None) or address
        if not any(address in network for network in networks):
            return _host_of(address)
    return PROXIES


def _host_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.version == 4:
        return str(address)
    return "127.0.0.1" if address.is_loopback else str(ipaddress.ip_network((address, 64), strict=False))


def _signature(access_id: str, key: str) -> str:
    return hmac.new(key.encode(), f"gateway {access_id}".encode(), hashlib.sha256).hexdigest()[:40]
