"""Entries for the hosts, and what became of them."""

from typing import Any

from tests.faults.harness import until
from tests.faults.shop import Shop
from tests.hosts.conftest import Site

THREE_ROUNDS = ("1| write part-{n} one", "2| write part-{n} two", "3,4,5,6,7| write ok-{n} yes", "sleep {seconds}")
CHECK = [{"name": "all", "run": "for f in part-*; do test -f ok-${f#part-} || exit 1; done"}]


def three_rounds(shop: Shop, count: int, seconds: float = 0.5, **more: Any) -> list[str]:
    """Entries that pass in their third round. All are there before the first one begins: one host is too few for more than its slots."""
    shop.call("PATCH", "/config", {"verify": CHECK})
    shop.call("POST", "/executor/pause")
    ids = [
        shop.add(
            *(line.format(n=n, seconds=seconds) for line in THREE_ROUNDS),
            spec={"files_to_create": [f"part-{n}", f"ok-{n}"]},
            budget_usd=more.get("budget_usd", 11),  # a round whose cost nobody can tell is charged whole
        )
        for n in range(count)
    ]
    shop.call("POST", "/executor/resume")
    return ids


def long_rounds(site: Site, shop: Shop, count: int) -> list[str]:
    """Entries whose first round writes a file and whose second one does not end; all of them are in that one when it returns."""
    shop.call("PATCH", "/config", {"verify": [{"name": "never", "run": "test -f ok-all"}]})
    ids = [
        shop.add(f"1| write started-{n} yes", "2,3,4,5| sleep 600", spec={"files_to_create": [f"started-{n}"]}, budget_usd=11)
        for n in range(count)
    ]
    until(lambda: len(at_work(site, shop)) == count, 60, every=0.1)
    return ids


def at_work(site: Site, shop: Shop, host: str = "") -> dict[str, str]:
    """Entries whose agent is at work in a later round than the first, and their sessions; of all hosts, or of one."""
    also = "status = 'running' AND phase = 'implementation' AND round_number > 1"
    return dict(sessions(site, shop, "entry_id, id", f"{also} AND host = '{host}'" if host else also))


def add_quick(shop: Shop, count: int) -> list[str]:
    shop.call("PATCH", "/config", {"verify": [{"name": "ok", "run": "true"}]})
    return [shop.add(f"write q-{n} yes", "sleep 1", spec={"files_to_create": [f"q-{n}"]}, budget_usd=5) for n in range(count)]


def all_done(shop: Shop, ids: list[str]) -> bool:
    entries = [shop.entry(id_) for id_ in ids]
    assert not [entry for entry in entries if entry["status"] in ("failed", "blocked")], entries
    return all(entry["status"] == "done" for entry in entries)


def assert_all_landed(site: Site, shop: Shop, count: int) -> None:
    """Each file, and the commit of each round that ended in order, is in the integration branch."""
    assert [shop.merged(f"ok-{n}") for n in range(count)] == ["yes"] * count
    sql = """SELECT r.commit FROM orchestration_round r JOIN orchestration_session s ON s.id = r.session_id
        WHERE s.workspace_id = %s AND s.outcome IN ('passed', 'failed') AND r.commit <> ''"""
    commits = site.server.database.values(sql, shop.path.split("/")[2])
    assert commits and not set(commits) - set(shop.git("rev-list", "muster/integration").split())


def sessions(site: Site, shop: Shop, columns: str, also: str = "TRUE") -> list[Any]:
    """Columns of this workspace's sessions: tuples, or values where it is one column."""
    sql = f"SELECT {columns} FROM orchestration_session WHERE workspace_id = %s AND {also}"
    rows = site.server.database.rows(sql, shop.path.split("/")[2])
    return [row[0] for row in rows] if "," not in columns else rows


def blameless(site: Site, shop: Shop) -> bool:
    """No round ended as a failure of its agent."""
    return not set(sessions(site, shop, "outcome", "status = 'ended'")) & {"crashed", "timed_out"}
