"""A worker is frozen (SIGSTOP) while it lands, past its lease, and goes on later: another one has landed meanwhile, and it writes nothing more."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.faults.crashes import SLOW_LEASE, settings
from tests.faults.harness import Running, until
from tests.faults.landings import BRANCH, Place, Site

pytestmark = pytest.mark.timeout(600)

POINTS = ["swap.finish", "refs.move_own", "swap._complete"]


@pytest.fixture
def site(start: Callable[..., Running], tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "plans").mkdir()
    site = Site(start(**settings(tmp_path) | SLOW_LEASE), tmp_path)
    yield site
    for plan in site.plans.glob("*.done"):
        plan.with_suffix(".thaw").touch()
    for process in frozen(site):
        process.resume()
    site.workers.end()


def frozen(site: Site) -> list[psutil.Process]:
    """The stopped processes of this Muster."""
    return [process for process in psutil.process_iter() if is_of(process, site.up.data) and is_stopped(process)]


def is_of(process: psutil.Process, data: Path) -> bool:
    try:
        return bool(process.environ().get("MUSTER_DATA_DIR") == str(data))
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def is_stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def are_frozen(site: Site) -> bool:
    """True if all are frozen. One stopped within another thread's transaction goes on for a moment, since it has SQLite's only lock."""
    late = frozen(site)
    try:
        with closing(sqlite3.connect(site.up.data / "muster.sqlite3", timeout=0.5, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        for process in late:
            process.resume()
        return False
    return len(late) == len(POINTS)


def test_a_frozen_lander_is_succeeded_and_undoes_nothing_when_it_goes_on(site: Site) -> None:
    places = [Place(site, point) for point in POINTS]
    site.wait_until_idle(120)
    for place in places:
        place.plan(f"orchestration.worker.lander.{place.name.replace('.', ' ')} freeze 1")
        place.add("first")
    until(lambda: are_frozen(site), 120, every=0.2)
    site.wait_until_idle(120)
    for place in places:
        place.add("second")
    site.wait_until_idle(120)
    late = frozen(site)
    assert len(late) == len(POINTS)
    for place in places:
        (site.plans / f"{place.id}.thaw").touch()
    for process in late:
        process.resume()
    logs = [site.folder / "workers.log", site.up.log, *site.up.data.glob("logs/*")]
    until(lambda: sum(log.read_text().count("lander.fenced") for log in logs if log.is_file()) >= len(POINTS), 30, every=0.2)
    for place in places:
        place.add("third")
    site.wait_until_idle(120)
    for place in places:
        assert place.first_parents("%s") == ["#1 write first", "#2 write second", "#3 write third"]
        assert [state for (state,) in place.rows("orchestration_integrationcommit", "state")] == ["done"] * 3
        assert place.events().count("entry.landed") == 3
        tip = place.git("rev-parse", BRANCH)
        until(lambda place=place, tip=tip: place.git("rev-parse", BRANCH, folder=place.remote) == tip, 30, every=0.1)  # type: ignore[misc]
        assert place.git("rev-parse", f"refs/muster/landed/{place.id}") == tip
        assert place.rows("orchestration_filelock", "path") == []
