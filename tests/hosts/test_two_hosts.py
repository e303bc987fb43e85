"""Two hosts work on one backlog, and share neither a disk nor a repository."""

import socket
import subprocess
import time

import pytest

from tests.faults.harness import Running, until
from tests.faults.shop import Shop
from tests.hosts.conftest import LEASE_GRACE_S, LEASE_S, TICK_S, asked
from tests.hosts.hosts import SessionHost

pytestmark = [pytest.mark.needs_namespaces, pytest.mark.timeout(400)]

THREE_ROUNDS = ("1| write part-{n} one", "2| write part-{n} two", "3| write ok-{n} yes", "sleep 1")
CHECK = [{"name": "all", "run": "for f in part-*; do test -f ok-${f#part-} || exit 1; done"}]


def three_rounds(shop: Shop, n: int) -> str:
    files = {"files_to_create": [f"part-{n}", f"ok-{n}"]}
    return shop.add(*(line.format(n=n) for line in THREE_ROUNDS), spec=files)


def all_done(shop: Shop, ids: list[str]) -> bool:
    entries = [shop.entry(id_) for id_ in ids]
    assert not [entry for entry in entries if entry["status"] in ("failed", "blocked")], entries
    return all(entry["status"] == "done" for entry in entries)


def test_eight_entries_of_three_rounds_land_and_both_hosts_worked(home: Running, shop: Shop, second: SessionHost) -> None:
    shop.call("PATCH", "/config", {"verify": CHECK})
    ids = [three_rounds(shop, n) for n in range(8)]
    until(lambda: all_done(shop, ids), 180, every=1)
    sessions = asked(home, f"list({of(shop)}.values_list('host', 'outcome'))")
    assert {host for host, _ in sessions} == {"second", socket.gethostname()}
    assert {outcome for _, outcome in sessions} <= {"passed", "failed"}
    for n in range(8):
        assert shop.git("show", f"muster/integration:ok-{n}") == "yes"


def test_the_entries_of_a_host_that_vanished_go_on_elsewhere(home: Running, shop: Shop, second: SessionHost) -> None:
    """What they had shared is there. A round whose cost nobody can tell is charged whole, so that a budget of two rounds is needed."""
    ids = [
        shop.add(f"1| write started-{n} yes", "2| sleep 600", spec={"files_to_create": [f"started-{n}"]}, budget_usd=11)
        for n in range(4)
    ]
    shop.call("PATCH", "/config", {"verify": [{"name": "never", "run": "test -f ok-all"}]})
    at_work = f"{of(shop)}.filter(status='running', round_number=2, phase='implementation').values_list('entry_id', 'host')"
    until(lambda: len(asked(home, f"list({at_work})")) == 4, 120, every=0.5)
    there = {id_ for id_, host in asked(home, f"list({at_work})") if host == "second"}
    assert there and len(there) < 4
    second.vanish()
    began = time.monotonic()
    until(lambda: not there & {id_ for id_, host in asked(home, f"list({at_work})") if host == "second"}, 60, every=0.2)
    assert time.monotonic() - began < LEASE_S + LEASE_GRACE_S + TICK_S + 6  # a question takes a second, or two under load
    outcomes = asked(home, f"list({of(shop)}.filter(host='second', round_number=2).values_list('outcome', flat=True))")
    assert outcomes == ["lost"] * len(there)
    for id_ in there:
        assert shop.entry(id_)["status"] in ("pending", "in_progress")
        assert shop.git("show", f"{shop.entry(id_)['branch']}:started-{ids.index(id_)}") == "yes"


def test_a_drained_host_takes_no_new_session_until_it_takes_them_again(home: Running, shop: Shop, second: SessionHost) -> None:
    second.work("drain")
    shop.call("PATCH", "/config", {"verify": [{"name": "ok", "run": "true"}]})
    ids = [shop.add(f"write f-{n} yes", spec={"files_to_create": [f"f-{n}"]}) for n in range(4)]
    until(lambda: all_done(shop, ids), 120, every=0.5)
    assert set(asked(home, f"list({of(shop)}.values_list('host', flat=True))")) == {socket.gethostname()}
    second.work("resume")
    ids = [shop.add(f"write g-{n} yes", "sleep 2", spec={"files_to_create": [f"g-{n}"]}) for n in range(6)]
    until(lambda: all_done(shop, ids), 120, every=0.5)
    assert "second" in asked(home, f"list({of(shop)}.values_list('host', flat=True))")


def of(shop: Shop) -> str:
    """The sessions of this workspace."""
    return f"Session.objects.filter(workspace_id={shop.path.split('/')[2]!r})"


def test_only_workers_reach_the_served_repository_and_they_move_only_musters_refs(home: Running, shop: Shop) -> None:
    workspace_id = shop.path.split("/")[2]
    url = f"http://127.0.0.1:{home.port}/git/{workspace_id}"
    assert home.get(f"/git/{workspace_id}/info/refs?service=git-upload-pack") == 403
    assert home.get(f"/git/{workspace_id}/../../etc/passwd") in (403, 404)
    code = f"from orchestration.repositories import worker_tokens; print(worker_tokens.header({workspace_id!r}))"
    header = home.muster("shell", "-v0", "-c", code).splitlines()[-1]
    tip = shop.git("rev-parse", "main")
    for ref, moves in (
        ("refs/muster/entries/entry_x", True),
        ("refs/heads/main", False),
        ("refs/heads/other", False),
        ("refs/tags/v1", False),
    ):
        pushed = subprocess.run(
            ["git", "-C", str(shop.repo), "-c", f"http.extraHeader={header}", "push", "-q", url, f"{tip}:{ref}-new"],
            capture_output=True,
        )
        assert (pushed.returncode == 0) is moves, (ref, pushed.stderr)
