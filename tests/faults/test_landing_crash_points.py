"""The session worker is killed at every point of a landing, once for each workspace. Each entry lands once, every commit was judged, and
nothing is left open.

One Muster with four session workers. A workspace for each point, since one lander at a time works on a workspace. The test itself has the leases
until all work is verified: then the landers begin, and no session is killed with them.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.faults.crashes import Point, both, settings
from tests.faults.harness import Running, until
from tests.faults.landings import BRANCH, Place, Site
from tests.plugins.database import put_migrated

pytestmark = pytest.mark.timeout(700)

LANDER, LANDING, GIT = "orchestration.worker.lander", "orchestration.landing", "orchestration.git.command.attempt"
OWN_REF, NAMED_REF = "update-ref refs/muster/landed/{workspace}", f"update-ref refs/heads/{BRANCH}"

# Work on the current tip, whose tree is known from its round.
SINGLE = [
    *both("orchestration.landing.branch.lease"),
    *both(f"{LANDING}.candidates.build"),
    *both(f"{LANDER}.judging.judge"),
    *both(f"{LANDING}.candidates.commit_of"),
    *both(f"{LANDER}.swap._intend"),
    *both(GIT, word=OWN_REF, name="own-ref"),
    *both(GIT, word=NAMED_REF, name="delivery"),
    Point(f"{LANDER}.pushing.push", "before", name="push-before"),
    Point(GIT, "after", word="push", name="push-after"),
    *both(f"{LANDER}.swap._complete"),
    Point(f"{LANDER}.swap.end_landed", "after", name="landed-and-not-committed"),
    Point(f"{LANDER}.batches._remove_worktrees", "before", 2),
    Point("orchestration.landing.branch.release", "before"),
]
# Two that are right alone and wrong together: the second one is refused, and lands after another round.
PAIR = [
    *both("orchestration.worker.judging.checks.judge", name="checks"),
    Point("orchestration.processes.agent_process.start", "after", name="check-started"),
    *both(f"{LANDER}.refusals.refuse"),
    Point(f"{LANDER}.refusals._send_back", "after", name="refused-and-not-committed"),
]
# A new commit of the base branch, and a revert.
BASE = [
    *both("orchestration.landing.queue.enqueue_branch", name="base-queued"),
    Point(f"{LANDER}.swap._intend", "after", name="base-intended"),
    Point(GIT, "after", word=NAMED_REF, name="base-delivered"),
]
REVERT = [
    Point(f"{LANDER}.swap._intend", "after", name="revert-intended"),
    Point(GIT, "after", word=OWN_REF, name="revert-own-ref"),
    Point(f"{LANDER}.swap._complete", "after", name="revert-after"),
]
HOST_ELSEWHERE = """INSERT INTO orchestration_worker (id, queue, host, boot_id, pid, started_ticks, slots, agents)
    VALUES ('test', 'sessions', 'elsewhere', '', 1, 1, 1, '{}')"""
POINTS = [*SINGLE, *PAIR, *BASE, *REVERT]


def begin(place: Place, point: Point) -> None:
    """The first entries. Where nothing else is to land, the lander is killed with them."""
    if point in SINGLE + PAIR:
        place.plan(point.plan)
    place.add(*(["old", "new"] if point in PAIR else ["old"]))


def go_on(place: Place, point: Point) -> None:
    """The base moves, or a landed commit is to be undone."""
    if point in BASE:
        place.plan(point.plan)
        (place.repo / "from-main").write_text("1\n")
        place.git("add", "-A")
        place.git("-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", "on main")
        place.add("later")
    elif point in REVERT:
        place.plan(point.plan)
        place.call("POST", "/landing/revert", {"commit": place.git("rev-parse", BRANCH)})


def sweep_all(site: Site) -> dict[Point, Place]:
    """All places at once, until every plan was carried out and nothing is left to do."""
    with ThreadPoolExecutor(4) as pool:
        places = dict(zip(POINTS, pool.map(lambda n: Place(site, str(n)), range(len(POINTS))), strict=True))
        site.wait_until_idle(120)
        site.write(HOST_ELSEWHERE)
        site.write("UPDATE orchestration_integration SET worker_id = 'test', lease_until = '2099-01-01'")
        list(pool.map(begin, places.values(), places))
        verified = [(len(POINTS) + len(PAIR),)]
        until(lambda: site.rows("SELECT count(*) FROM orchestration_landing") == verified, 180, every=0.3)
        site.write("UPDATE orchestration_integration SET worker_id = NULL, lease_until = NULL, due = 1")
        site.wait_until_idle(240)
        list(pool.map(go_on, places.values(), places))
        site.wait_until_idle(240)
    site.workers.end()
    return places


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Point, Place]]:
    folder = tmp_path_factory.mktemp("landings")
    (folder / "plans").mkdir()
    put_migrated(folder / "data")
    running = Running(folder / "data", **settings(folder) | {"MUSTER_LEASE_S": "30"})
    until(running.is_ready, 30)
    site = Site(running, folder)
    try:
        began = time.monotonic()
        places = sweep_all(site)
        print(f"{len(POINTS)} kills: {time.monotonic() - began:.0f} s")
        yield places
    finally:
        site.workers.end()
        running.process.terminate()
        running.process.wait(20)


at_every_point = pytest.mark.parametrize("point", POINTS, ids=str)


@at_every_point
def test_after_a_kill_here_everything_has_landed_once(places: dict[Point, Place], point: Point) -> None:
    place = places[point]
    assert (place.site.plans / f"{place.id}.done").exists(), "no worker was killed"
    names = {"old", "newer"} if point in PAIR else {"old", "later", "from-main"} if point in BASE else {"old"}
    names -= {"old"} if point in REVERT else set()
    assert set(place.git("ls-tree", "--name-only", BRANCH).split()) == {"README", *names}
    assert {status for (status,) in place.rows("orchestration_entry", "status")} == {"done"}
    expected = ["#1 write old"]
    if point in PAIR:
        expected += ["#2 write new"]
    if point in BASE:
        expected += ["Merge main", "#2 write later"]
    if point in REVERT:
        expected += ['Revert "#1 write old"']
    assert place.first_parents("%s") == expected


@at_every_point
def test_after_a_kill_here_every_commit_was_judged_and_is_green(places: dict[Point, Place], point: Point) -> None:
    place = places[point]
    judged = {tree for tree, passed in place.rows("orchestration_treeverdict", "tree, passed") if passed}
    for tree in place.first_parents("%T"):
        assert tree in judged
        assert not {"old", "new"} <= set(place.git("ls-tree", "--name-only", tree).split())
    commits = place.rows("orchestration_integrationcommit", "state, old, new, tree")
    tips = [place.first, *place.first_parents("%H")]
    assert commits == [("done", old, new, place.git("rev-parse", f"{new}^{{tree}}")) for old, new in pairwise(tips)]


@at_every_point
def test_after_a_kill_here_nothing_is_left_open(places: dict[Point, Place], point: Point) -> None:
    place = places[point]
    tip = place.git("rev-parse", BRANCH)
    row = place.rows(
        "orchestration_integration", "state, tip, delivered, undelivered, base_problem, lease_until, push_wanted", "1"
    )
    assert row == [("good", tip, tip, "", "", None, 0)]
    assert place.git("rev-parse", f"refs/muster/landed/{place.id}") == tip
    assert place.git("rev-parse", BRANCH, folder=place.remote) == tip
    states = sorted(state for (state,) in place.rows("orchestration_landing", "state"))
    assert states == ["landed"] * len(place.first_parents("%H")) + ["refused"] * (point in PAIR)
    assert place.rows("orchestration_filelock", "path") == []
    assert list((place.repo / ".git").rglob("*.lock")) == []
    assert len(place.git("worktree", "list").split("\n")) == 1
    assert place.git("fsck", "--strict", "--no-dangling") == ""


@at_every_point
def test_after_a_kill_here_every_cent_is_booked_once(places: dict[Point, Place], point: Point) -> None:
    place = places[point]
    for (entry,) in place.rows("orchestration_entry", "id"):
        reported = sorted(int(amount) for amount in (place.site.notes / f"{entry}.reported").read_text().split())
        sql = "SELECT amount FROM budget_ledgerentry WHERE account_id = ? ORDER BY amount"
        assert [amount for (amount,) in place.site.rows(sql, entry)] == reported
        assert place.site.rows("SELECT spent, held FROM budget_account WHERE id = ?", entry) == [(sum(reported), 0)]


@at_every_point
def test_after_a_kill_here_each_step_is_recorded_once(places: dict[Point, Place], point: Point) -> None:
    place = places[point]
    happened = place.events()
    entries = len(place.rows("orchestration_entry", "id"))
    assert happened.count("entry.landed") == entries
    assert happened.count("entry.refused") == (point in PAIR)
    assert happened.count("integration.moved") == (point in BASE + REVERT)


def test_no_working_copy_of_a_lander_is_left(places: dict[Point, Place]) -> None:
    data = next(iter(places.values())).site.up.data
    assert [path.name for path in (data / "worktrees").iterdir()] == [".records"]
