"""The hosts that the processes of a sandbox may reach. Pure.

An entry with a port permits this port, wherever its host leads. An entry without one permits 80 and 443, at public addresses.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

from orchestration.configuration.config import hosts

WEB = (80, 443)
Permission = Literal["anywhere", "public", "refused"]


@dataclass(frozen=True, slots=True)
class Rules:
    """`exact`: host and port. `names`: hosts. `domains`: with a dot before them."""

    exact: frozenset[tuple[str, int]]
    names: frozenset[str]
    domains: frozenset[str]

    @classmethod
    def of(cls, entries: Iterable[str]) -> Self:
        """The rules of an allow list of `host`, `host:port` and `*.domain`. Raises ValueError."""
        exact, names, domains = set(), set(), set()
        for entry in entries:
            if entry.startswith("*."):
                domains.add(entry[1:])
                continue
            host, port = hosts.split(entry)
            if port is None:
                names.add(host)
            else:
                exact.add((host, port))
        return cls(frozenset(exact), frozenset(names), frozenset(domains))

    def permission(self, host: str, port: int) -> Permission:
        """The permission of a host, before its name is resolved. `host`: as `hosts.plain` gives it."""
        if (host, port) in self.exact:
            return "anywhere"
        is_named = host in self.names or any(host.endswith(domain) for domain in self.domains)
        return "public" if is_named and port in WEB else "refused"

    @property
    def loopback(self) -> list[int]:
        """Ports of the host's loopback that are permitted."""
        return sorted({port for host, port in self.exact if is_loopback(host)})


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
