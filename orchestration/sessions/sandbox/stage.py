"""Stages: what one group of processes runs in, the agent's turns of one working copy or one judgement of one tree. A loopback of its own, and services."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from orchestration.configuration import Sandbox
from orchestration.processes.agent_process import Spec
from orchestration.processes.private_network import NoPrivateNetwork, PrivateNetwork, addresses_of_host
from orchestration.processes.shim import procfs
from orchestration.sessions.sandbox import network
from orchestration.sessions.sandbox.deciding import HostFault
from orchestration.sessions.stages.services import Services

RESOLV_CONF = Path(__file__).with_name("resolv.conf")
"""Names pasta's address for DNS: a stage cannot reach a name server on the host's loopback."""


@dataclass
class Stage:
    """`network`: that all its processes share; None: each has that of the config. `agent_places`: `address:port` of Muster's address for agents,
    where that is this host's, but not on 127.0.0.1: an agent's first process listens there, so that checks reach nothing. `services`: None: it
    has none."""

    network: PrivateNetwork | None = None
    agent_places: list[str] = field(default_factory=list)
    services: Services | None = None
    _has_egress: bool = False

    def joined(self, *, egress: bool) -> procfs.ProcessInfo | None:
        """The process whose namespaces the next process joins. `egress`: whether it and its neighbours reach other hosts. Raises HostFault."""
        if self.network is None:
            return None
        try:
            if egress != self._has_egress:
                self.network.open_egress() if egress else self.network.close_egress()
                self._has_egress = egress
        except NoPrivateNetwork as problem:
            raise HostFault(f"A stage's network failed: {problem}") from None
        return self.network.holder


@contextmanager
def opened(spec: Spec, sandbox: Sandbox) -> Iterator[Stage]:
    """A stage until the end of the block. `spec`: of the process that holds it, without its command. Raises HostFault."""
    way_out = network.Proxy(network.Rules.of(sandbox.allow), network.Refusals(), taken=own_ports())
    url = urlsplit(settings.AGENT_URL)
    own = sorted(_addresses_here(url.hostname or "") - {"127.0.0.1"}) if (url.port or 0) >= 1024 else []
    ports = [port for port in way_out.ports[1:] if isinstance(port, int)]
    try:
        private = PrivateNetwork(spec, ports=ports, refused=_own_hosts(), own=own)
    except NoPrivateNetwork as problem:
        raise HostFault(f"A stage's network could not be made: {problem}") from None
    with private, closing(way_out.forward(private.listeners)):
        yield Stage(private, [f"{address}:{url.port}" for address in own])


def own_ports() -> set[int]:
    """Ports of this host that are Muster's own, or its database's or broker's: no stage reaches them on loopback, whatever its config names."""
    urls = (settings.BASE_URL, settings.AGENT_URL, settings.GATEWAY_URL, settings.REDIS_URL)
    places = [(parts.hostname or "", parts.port) for parts in map(urlsplit, filter(None, urls))]
    database = settings.DATABASES["default"]
    places.append((str(database.get("HOST") or ""), int(database.get("PORT") or 0) or 5432))
    return {port for host, port in places if port and (network.is_loopback(host) or _addresses_here(host))}


def _addresses_here(host: str) -> set[str]:
    """The IPv4 addresses of a name that are this host's."""
    try:
        resolved = {str(place[0]) for *_, place in socket.getaddrinfo(host, 0, socket.AF_INET, socket.SOCK_STREAM)}
    except OSError:
        return set()
    own = [ipaddress.ip_network(each) for each in addresses_of_host()]
    addresses = map(ipaddress.ip_address, resolved)
    return {str(each) for each in addresses if each.is_loopback or any(each in network_ for network_ in own)}


def _own_hosts() -> list[str]:
    """The addresses of the database and the broker, where they are on other hosts, as networks."""
    database = settings.DATABASES["default"]
    names = {str(database.get("HOST") or ""), urlsplit(settings.REDIS_URL or "").hostname or ""}
    addresses = set()
    for name in names:
        if not name or name.startswith("/") or network.is_loopback(name):
            continue
        try:
            addresses |= {
                (family, str(place[0])) for family, *_, place in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            }
        except OSError:  # nothing can reach it by that name, either
            continue
    return sorted(f"{address.partition('%')[0]}/{32 if family == socket.AF_INET else 128}" for family, address in addresses)
