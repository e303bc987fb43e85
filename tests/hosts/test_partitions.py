"""A host is cut off in the middle of its rounds, and comes back later."""

import signal
import sys
import time

import pytest

from tests.faults.harness import until
from tests.faults.shop import Shop
from tests.hosts.backlog import add_quick, all_done, at_work, blameless, long_rounds, sessions
from tests.hosts.conftest import LEASE_GRACE_S, LEASE_S, TICK_S, Hosts, Site
from tests.hosts.hosts import SessionHost
from tests.hosts.machines import send

pytestmark = [pytest.mark.needs_namespaces, pytest.mark.timeout(400)]

ELSEWHERE_S = LEASE_S + LEASE_GRACE_S + TICK_S + 2
LATE = """
from orchestration.git import command as git
from orchestration.models import Session
from orchestration.repositories import local_repository
from orchestration.sessions import Superseded
from orchestration.worker.preparing import sharing
session = Session.objects.get(pk={id!r})
repo, ref = local_repository.path(session.workspace), 'refs/heads/' + session.entry.branch
tip = git.run(repo, 'rev-parse', ref)
git.run(repo, 'update-ref', ref, git.run(repo, 'commit-tree', tip + '^{{tree}}', '-p', tip, '-m', 'late'))
try:
    sharing.publish(session)
    print('shared')
except Superseded:
    print('refused')
"""


@pytest.mark.alone
@pytest.mark.parametrize(
    "directions", [("to", "back"), ("to",), ("back",)], ids=["both ways", "to the server", "from the server"]
)
def test_the_entries_of_a_host_that_is_cut_off_go_on_elsewhere_and_it_comes_back(
    site: Site, hosts: Hosts, shop: Shop, directions: tuple[str, ...]
) -> None:
    _, two = hosts
    ids = long_rounds(site, shop, 4)
    there = at_work(site, shop, "two")
    assert there and len(there) < 4
    site.network.cut(two.machine, to="to" in directions, back="back" in directions)
    until(lambda: not two.agents(), LEASE_S)
    began = time.monotonic()
    until(lambda: there.keys() <= at_work(site, shop, "one").keys(), 60, every=0.1)
    assert time.monotonic() - began < ELSEWHERE_S
    assert set(sessions(site, shop, "outcome", "host = 'two' AND round_number = 2")) == {"lost"}
    for id_ in there:
        assert shop.git("show", f"{shop.entry(id_)['branch']}:started-{ids.index(id_)}") == "yes"
    site.network.repair(two.machine)
    assert late_push(two, next(iter(there.values()))) == "refused"
    until(two.is_online, LEASE_S)
    shop.call("PATCH", "/config", {"max_workers": 8})
    more = add_quick(shop, 4)
    until(lambda: all_done(shop, more), 40, every=0.5)
    assert set(sessions(site, shop, "host", f"entry_id IN ({', '.join(map(repr, more))})")) == {"two"}
    assert blameless(site, shop)


HOLD = """
import time
from django.db import transaction
from orchestration.models import Executor
with transaction.atomic():
    Executor.objects.select_for_update().get(pk={id!r})
    print("the row is locked", flush=True)
    time.sleep(60)
"""


def test_a_host_that_is_cut_off_in_a_transaction_does_not_keep_its_locks(site: Site, hosts: Hosts, shop: Shop) -> None:
    two, workspace_id = hosts[1], shop.path.split("/")[2]
    command = (sys.executable, "-m", "manage", "shell", "-v0", "-c", HOLD.format(id=workspace_id))
    two.machine.start(*command, env=two.env, log=two.log)
    until(lambda: "the row is locked" in two.log.read_text(), 60)
    site.network.cut(two.machine)
    assert not is_free(site, workspace_id)
    until(lambda: is_free(site, workspace_id), LEASE_S + LEASE_GRACE_S, every=0.2)
    send(signal.SIGKILL, two.machine.processes("select_for_update"))


def is_free(site: Site, workspace_id: str) -> bool:
    sql = "SELECT 1 FROM orchestration_executor WHERE workspace_id = %s FOR UPDATE SKIP LOCKED"
    return bool(site.server.database.rows(sql, workspace_id))


def late_push(host: SessionHost, session_id: str) -> str:
    """Publish a late commit of a round that was cut off. Returns `shared` or `refused`."""
    return host.muster("shell", "-v0", "-c", LATE.format(id=session_id)).split()[-1]
