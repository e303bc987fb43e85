"""Bearer tokens of agents, in place of a provider's key: an access's id with an HMAC. A forged one costs no statement. The database knows if the access is
open, and the address of its first use."""

import hashlib
import hmac
import ipaddress
import re

from django.conf import settings

PROXIES = "trusted proxies"
"""The origin of a request that trusted proxies pass on without an address."""

_TOKEN = re.compile(r"muster-(?P<access>access_[0-9a-z]{20})-(?P<signature>[0-9a-f]{40})")


def token_of(access_id: str) -> str:
    return f"muster-{access_id}-{_signature(access_id, settings.SECRET_KEY)}"


def access_of(token: str) -> str | None:
    """The access's id; None: the token is forged."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    is_ours = [hmac.compare_digest(match["signature"], _signature(match["access"], key)) for key in keys]
    return match["access"] if any(is_ours) else None


def origin_of(peer: str, forwarded: str) -> str:
    """The client's address: the peer's, or the last in `X-Forwarded-For` before MUSTER_TRUSTED_PROXIES. An IPv6 host has several addresses, so its /64."""
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
