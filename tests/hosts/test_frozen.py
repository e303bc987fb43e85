"""A host stands still past its leases, as a suspended machine does, and goes on as if nothing had been."""

import signal

import pytest

from tests.faults.harness import until
from tests.faults.shop import Shop
from tests.hosts.backlog import all_done, assert_all_landed, at_work, blameless, long_rounds, sessions, three_rounds
from tests.hosts.conftest import LEASE_GRACE_S, LEASE_S, Hosts, Site

pytestmark = [pytest.mark.needs_namespaces, pytest.mark.timeout(400)]


def test_the_agents_of_a_worker_that_stands_still_end_before_others_take_over(site: Site, hosts: Hosts, shop: Shop) -> None:
    _, two = hosts
    long_rounds(site, shop, 4)
    there = at_work(site, shop, "two")
    assert there
    two.signal(signal.SIGSTOP)
    until(lambda: not two.agents(), LEASE_S + LEASE_GRACE_S)
    until(lambda: there.keys() <= at_work(site, shop, "one").keys(), 60, every=0.1)
    two.signal(signal.SIGCONT)
    until(two.is_online, LEASE_S)
    assert blameless(site, shop)


def test_a_host_that_stood_still_as_a_whole_loses_no_commit(site: Site, hosts: Hosts, shop: Shop) -> None:
    _, two = hosts
    ids = three_rounds(shop, 6, seconds=2)
    until(lambda: sessions(site, shop, "id", "status = 'running' AND host = 'two' AND round_number = 2"), 60)
    two.freeze()
    until(lambda: not sessions(site, shop, "id", "status = 'running' AND host = 'two'"), 60, every=0.1)
    two.thaw()
    until(lambda: all_done(shop, ids), 90, every=0.5)
    assert_all_landed(site, shop, 6)
    assert blameless(site, shop)
