"""Two hosts work on one backlog, and share neither a disk nor a repository."""

import subprocess

import pytest

from tests.faults.harness import until
from tests.faults.shop import Shop
from tests.hosts.backlog import add_quick, all_done, assert_all_landed, sessions, three_rounds
from tests.hosts.conftest import Hosts, Site

pytestmark = [pytest.mark.needs_namespaces, pytest.mark.timeout(400)]


def test_eight_entries_of_three_rounds_land_and_both_hosts_worked(site: Site, hosts: Hosts, shop: Shop) -> None:
    ids = three_rounds(shop, 8)
    until(lambda: all_done(shop, ids), 120, every=0.5)
    assert_all_landed(site, shop, 8)
    assert set(sessions(site, shop, "host")) == {"one", "two"}
    assert set(sessions(site, shop, "outcome")) == {"passed", "failed"}


def test_a_drained_host_ends_its_rounds_and_takes_new_ones_once_it_is_resumed(site: Site, hosts: Hosts, shop: Shop) -> None:
    two = hosts[1]
    ids = three_rounds(shop, 6, seconds=2)
    until(lambda: {"one", "two"} <= set(sessions(site, shop, "host", "status = 'running'")), 30)
    two.work("drain")
    before = set(sessions(site, shop, "id", "host = 'two'"))  # with those placed there in that moment
    until(lambda: all_done(shop, ids), 120, every=0.5)
    assert set(sessions(site, shop, "id", "host = 'two'")) == before
    assert set(sessions(site, shop, "outcome", "host = 'two'")) <= {"passed", "failed"}
    two.work("resume")
    more = add_quick(shop, 6)
    until(lambda: all_done(shop, more), 60, every=0.5)
    assert set(sessions(site, shop, "host", f"entry_id IN ({', '.join(map(repr, more))})")) == {"one", "two"}


def test_only_workers_reach_the_served_repository_and_they_move_only_musters_refs(site: Site, hosts: Hosts, shop: Shop) -> None:
    workspace_id, server = shop.path.split("/")[2], site.server
    url = f"{server.env['MUSTER_BASE_URL']}/git/{workspace_id}"
    assert server.get(f"/git/{workspace_id}/info/refs?service=git-upload-pack") == 403
    assert server.get(f"/git/{workspace_id}/../../etc/passwd") in (403, 404)
    code = f"from orchestration.repositories import worker_tokens; print(worker_tokens.header({workspace_id!r}))"
    header = server.muster("shell", "-v0", "-c", code).splitlines()[-1]
    tip = shop.git("rev-parse", "main")
    for ref, moves in (
        ("refs/muster/entries/entry_x", True),
        ("refs/heads/main", False),
        ("refs/heads/other", False),
        ("refs/tags/v1", False),
    ):
        push = ("git", "-C", str(shop.repo), "-c", f"http.extraHeader={header}", "push", "-q", url, f"{tip}:{ref}-new")
        pushed = subprocess.run(server.machine.inside(*push), capture_output=True)
        assert (pushed.returncode == 0) is moves, (ref, pushed.stderr)


AGENT = 'echo round $MUSTER_ROUND > "part-$MUSTER_ENTRY_ID"; [ "$MUSTER_ROUND" = 1 ] || [ "$MUSTER_CANDIDATE" = 1 ] || echo yes > "ok-$MUSTER_ENTRY_ID"; sleep 1'


def test_candidates_work_on_both_hosts_and_the_chosen_ones_work_lands(site: Site, hosts: Hosts, shop: Shop) -> None:
    checks = [{"name": "ok", "run": 'test -f "ok-$MUSTER_ENTRY_ID"', "scope": "entry"}]
    shop.call("PATCH", "/config", {"agent": {"command": AGENT}, "verify": checks, "route": "default 5 best of 4"})
    ids = [shop.add(f"entry {n}", budget_usd=40) for n in range(3)]
    until(lambda: all_done(shop, ids), 120, every=0.5)
    assert [shop.merged(f"ok-{id_}") for id_ in ids] == ["yes"] * 3
    assert set(sessions(site, shop, "host", "candidate > 0")) == {"one", "two"}
    entry = shop.entry(ids[0])
    assert entry["rounds_completed"] == 2 and [round_["verdict"] for round_ in shop.rounds(ids[0])] == ["failed", "passed"]
