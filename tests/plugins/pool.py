"""The order of a run: the slow suites are one pool of files, the longest first; a test with the mark `alone` runs last, while no other test
of the run does, however many processes it has.
"""

import fcntl
import os
from collections.abc import Generator, Sequence, Set
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

TESTS = Path(__file__).resolve().parents[1]
SUITES = ("hosts", "agents", "faults", "forges", "journeys")
"""One after another in each process, so that a suite's Muster is made once there, and the short files come at the end."""
TOGETHER = ("tests/hosts",)
"""In one process: its machines take longer to make than its tests."""
LONGEST = (
    "faults/test_crash_points.py",
    "faults/test_landing_crash_points.py",
    "faults/test_kills.py",
    "faults/test_work.py",
    "agents/test_proposing_roles.py",
    "agents/test_claude_code.py",
    "journeys/test_points_every_page.py",
    "journeys/test_someone_elses_code.py",
    "journeys/test_entries.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)
    if "PYTEST_XDIST_WORKER" in os.environ:  # marks stay in the processes that collect: every one writes the same
        _alone_file().write_text("\n".join(item.nodeid for item in items if _is_alone(item)))


def _place(item: pytest.Item) -> tuple[bool, int, int]:
    return _is_alone(item), *_place_of_file(item.path)


@cache
def _place_of_file(path: Path) -> tuple[int, int]:
    file = str(path.relative_to(TESTS)) if path.is_relative_to(TESTS) else ""
    suite = file.split("/")[0]
    place = LONGEST.index(file) if file in LONGEST else len(LONGEST)
    return SUITES.index(suite) if suite in SUITES else -1, place


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def _alone_file() -> Path:
    """The ids of the tests that run alone."""
    return Path(f"{os.environ['MUSTER_TEST_TURN']}.alone")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Waits for its turn before the test's own time begins."""
    with open(os.environ["MUSTER_TEST_TURN"], "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX if _is_alone(item) else fcntl.LOCK_SH)
        try:
            return (yield)
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)  # closing is not enough where a test has forked


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """For `--dist loadfile`, the one of the slow suites."""
    if config.option.dist != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Pool(config, log)


class Pool(LoadScopeScheduling):
    """Gives out files in the order of the collection. The tests that run alone are one unit at the end: their process makes what they share
    once, and no other has anything to do."""

    def schedule(self) -> None:
        if self.collection is None:
            self._units = _units(
                next(iter(self.registered_collections.values())), frozenset(_alone_file().read_text().split("\n"))
            )
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return self._units[nodeid]

    def _reschedule(self, node: WorkerController) -> None:
        """A process needs a next test to begin its last one: it gets one then, and not earlier, so that no file waits behind a long one."""
        if self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) > 1:
            return
        super()._reschedule(node)


def _units(nodeids: Sequence[str], alone: Set[str]) -> dict[str, str]:
    """By test: a name for the tests of one file that follow each other, or for those that run alone."""
    runs = groupby(nodeids, lambda nodeid: "alone" if nodeid in alone else _file(nodeid))
    return {nodeid: f"{n} {name}" for n, (name, run) in enumerate(runs) for nodeid in run}


def _file(nodeid: str) -> str:
    file = nodeid.split("::")[0]
    folder = file.rpartition("/")[0]
    return folder if folder in TOGETHER else file
