"""Three machines: one with PostgreSQL, Valkey, web server and control worker, and two that run sessions. They share a network and no disk."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

from tests.faults.harness import Client
from tests.faults.shop import Shop
from tests.hosts.hosts import Server, SessionHost
from tests.hosts.machines import Machine, Network
from tests.hosts.observing import Observer

LEASE_S, LEASE_GRACE_S, TICK_S, DRAIN_S = 6.0, 2.0, 1.0, 8.0
SETTINGS = {
    "MUSTER_SECRET_KEY": "one key on all hosts, of more than fifty characters",
    "MUSTER_SESSION_SLOTS": "4",
    "MUSTER_LEASE_S": str(LEASE_S),
    "MUSTER_LEASE_GRACE_S": str(LEASE_GRACE_S),
    "MUSTER_TICK_S": str(TICK_S),
    "MUSTER_DRAIN_S": str(DRAIN_S),
    "MUSTER_STOP_GRACE_S": "2",
}


PAGE = """
from django.contrib.auth.models import User
from django.test import Client
client = Client(headers={{"host": {host!r}}})
client.force_login(User.objects.get(username="owner"), backend="django.contrib.auth.backends.ModelBackend")
response = client.get({path!r})
print(response.status_code, response.content.decode())
"""
Hosts = tuple[SessionHost, SessionHost]


@dataclass
class Site:
    """All of it. Hosts that a test starts are stopped after it."""

    server: Server
    network: Network
    client: Client
    folders: dict[str, Path]

    def machine(self, name: str, number: int, *, disk_mb: int = 0) -> Machine:
        hidden = [path for other, path in self.folders.items() if other != name]
        machine = Machine(name, self.folders[name], number, hidden=hidden, disk_mb=disk_mb)
        self.network.join(machine)
        return machine

    def hosts_page(self, shop: Shop) -> str:
        """The page of hosts as the owner sees it."""
        code = PAGE.format(host=self.server.machine.address, path=f"/w/{shop.path.split('/')[2]}/sessions/hosts/")
        return unescape(self.server.muster("shell", "-v0", "-c", code))

    def host(self, machine: Machine, **extra: str) -> SessionHost:
        return SessionHost(machine, self.server, self.network, **extra)


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    top = tmp_path_factory.mktemp("hosts")
    folders = {name: top / name for name in ("server", "one", "two", "three")}
    for folder in folders.values():
        folder.mkdir()
    (folders["server"] / "repos").mkdir()
    centre = Machine("server", folders["server"], 1, hidden=[path for name, path in folders.items() if name != "server"])
    try:
        network = Network(centre)
        server = Server(centre, **SETTINGS, MUSTER_REPO_ROOTS=str(folders["server"] / "repos"))
        yield Site(server, network, Client(server), folders)
        server.muster("ledger", "check")  # fails where a sum is wrong
    finally:
        centre.end()


@pytest.fixture(scope="package")
def machines(site: Site) -> Iterator[tuple[Machine, Machine]]:
    machines = site.machine("one", 2), site.machine("two", 3)
    yield machines
    for machine in machines:
        machine.end()


@pytest.fixture(scope="package")
def workers(site: Site, machines: tuple[Machine, Machine]) -> tuple[SessionHost, SessionHost]:
    first, second = (site.host(machine) for machine in machines)
    return first, second


@pytest.fixture
def hosts(site: Site, workers: tuple[SessionHost, SessionHost]) -> Iterator[tuple[SessionHost, SessionHost]]:
    """Both are at work when a test begins, whatever the one before did to them. No entry ever had two agents."""
    for host in workers:
        site.network.repair(host.machine)
        host.ensure_at_work()
    observer = Observer()
    yield workers
    observer.end()
    assert not observer.pairs, "two agents worked on one entry at the same time"


@pytest.fixture
def shop(site: Site, hosts: object, request: pytest.FixtureRequest) -> Iterator[Shop]:
    folder = tempfile.mkdtemp(prefix=request.node.name[:30], dir=site.folders["server"] / "repos")
    shop = Shop(site.client, Path(folder), max_workers=4)
    yield shop
    shop.call("POST", "/executor/stop-all")
