"""A session worker gets SIGTERM while it has rounds, as an upgrade or a rollout sends it."""

import signal
import time

import pytest

from tests.faults.harness import until
from tests.faults.shop import Shop
from tests.hosts.backlog import all_done, assert_all_landed, at_work, long_rounds, sessions, three_rounds
from tests.hosts.conftest import DRAIN_S, Hosts, Site

pytestmark = [pytest.mark.needs_namespaces, pytest.mark.timeout(400)]


def test_a_worker_that_gets_sigterm_ends_its_rounds_and_takes_nothing_new(site: Site, hosts: Hosts, shop: Shop) -> None:
    _, two = hosts
    ids = three_rounds(shop, 6, seconds=3)
    until(lambda: sessions(site, shop, "id", "status = 'running' AND host = 'two' AND round_number = 2"), 60)
    two.signal(signal.SIGTERM)
    assert two.process is not None and two.process.wait(DRAIN_S + 20) == 0
    before = set(sessions(site, shop, "id", "host = 'two'"))
    until(lambda: all_done(shop, ids), 90, every=0.5)
    assert_all_landed(site, shop, 6)
    assert set(sessions(site, shop, "outcome", "host <> ''")) == {"passed", "failed"}
    assert set(sessions(site, shop, "outcome", "host = ''")) <= {"interrupted"}  # claims that it had not taken yet: given back
    assert set(sessions(site, shop, "id", "host = 'two'")) == before


def test_rounds_that_do_not_end_in_time_are_interrupted_and_go_on_elsewhere(site: Site, hosts: Hosts, shop: Shop) -> None:
    _, two = hosts
    long_rounds(site, shop, 4)
    there = at_work(site, shop, "two")
    assert there
    two.signal(signal.SIGTERM)
    began = time.monotonic()
    until(lambda: there.keys() <= at_work(site, shop, "one").keys(), 60, every=0.1)
    assert DRAIN_S <= time.monotonic() - began < DRAIN_S + 8
    assert set(sessions(site, shop, "outcome", "host = 'two' AND round_number = 2")) == {"interrupted"}
