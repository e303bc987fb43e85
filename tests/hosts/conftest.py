"""PostgreSQL and Valkey, a first host with web server, control and session worker, and a second one that has session workers alone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Client, Running, until
from tests.faults.shop import Shop
from tests.hosts.hosts import SessionHost

LEASE_S, LEASE_GRACE_S, TICK_S = 6.0, 2.0, 1.0


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "tests.plugins.throwaway", "postgresql"]
    servers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert servers.stdin and servers.stdout
    try:
        urls = json.loads(servers.stdout.readline())
        yield {name: urls[name] for name in ("DATABASE_URL", "REDIS_URL")}
    finally:
        servers.stdin.close()
        servers.wait(30)


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="module")
def home(services: dict[str, str], top: Path) -> Iterator[Running]:
    settings = {
        "MUSTER_SECRET_KEY": "one key on all hosts, of more than fifty characters",
        "MUSTER_REPO_ROOTS": str(top),
        "MUSTER_SESSION_SLOTS": "2",
        "MUSTER_LEASE_S": str(LEASE_S),
        "MUSTER_LEASE_GRACE_S": str(LEASE_GRACE_S),
        "MUSTER_TICK_S": str(TICK_S),
    }
    running = Running(top / "home" / "data", **services, **settings)
    try:
        until(running.is_ready, 90)
        yield running
    finally:
        running.process.terminate()
        running.process.wait(60)


@pytest.fixture(scope="module")
def client(home: Running) -> Client:
    return Client(home)


@pytest.fixture
def shop(client: Client, top: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    folder = top / "repos" / request.node.name[:40]
    folder.mkdir(parents=True)
    shop = Shop(client, folder, max_workers=4)
    yield shop
    shop.call("POST", "/executor/stop-all")


@pytest.fixture
def second(home: Running, shop: Shop, top: Path) -> Iterator[SessionHost]:
    """It sees nothing of the first host's data and repositories."""
    host = SessionHost("second", top / shop.repo.parent.name, home, hidden=[top / "repos"])
    try:
        until(lambda: is_online(home, host.name), 60, every=0.5)
        yield host
    finally:
        host.end()


def is_online(home: Running, name: str) -> bool:
    return name in asked(home, "list(Worker.objects.values_list('host', flat=True))")


def asked(home: Running, expression: str) -> list[object]:
    """What a Python expression over the models is there, as JSON."""
    code = f"import json; from orchestration.models import *; print(json.dumps({expression}, default=str))"
    answer: list[object] = json.loads(home.muster("shell", "-v0", "-c", code).splitlines()[-1])
    return answer
