"""The database restarts, and the message broker forgets all, while both hosts are at work."""

from functools import partial

import pytest

from tests.faults.harness import until
from tests.faults.shop import Shop
from tests.hosts.backlog import all_done, assert_all_landed, sessions, three_rounds
from tests.hosts.conftest import TICK_S, Hosts, Site

pytestmark = [pytest.mark.needs_namespaces, pytest.mark.timeout(400)]


def test_rounds_go_on_when_the_database_restarts(site: Site, hosts: Hosts, shop: Shop) -> None:
    ids = three_rounds(shop, 6, seconds=2)
    until(lambda: {"one", "two"} <= set(sessions(site, shop, "host", "status = 'running' AND round_number = 2")), 60)
    site.server.database.restart()
    until(lambda: all(host.is_online() for host in hosts), 10, every=0.1)
    until(lambda: all_done(shop, ids), 90, every=0.5)
    assert_all_landed(site, shop, 6)
    assert set(sessions(site, shop, "outcome")) <= {"passed", "failed", "interrupted"}


def test_rounds_go_on_when_the_message_broker_forgets_all(site: Site, hosts: Hosts, shop: Shop) -> None:
    ids = three_rounds(shop, 6, seconds=2)
    until(lambda: {"one", "two"} <= set(sessions(site, shop, "host", "status = 'running' AND round_number = 2")), 60)
    for _ in range(5):
        count = len(sessions(site, shop, "id"))
        site.server.valkey.client.flushall()
        until(partial(_goes_on, site, shop, ids, count), 10 + TICK_S, every=0.1)
    until(lambda: all_done(shop, ids), 90, every=0.5)
    assert_all_landed(site, shop, 6)
    assert set(sessions(site, shop, "outcome")) <= {"passed", "failed", "interrupted"}


def _goes_on(site: Site, shop: Shop, ids: list[str], count: int) -> bool:
    return len(sessions(site, shop, "id")) > count or all_done(shop, ids)
