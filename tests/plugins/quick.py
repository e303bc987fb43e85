"""`./muster test` without arguments: a sample of every file of tests, until its time is over. The files that a change concerns come first, whole.

The clock decides, not a number of tests: machines differ by a factor of two, and the README promises minutes.
"""

import os
import random
import subprocess
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests import sampling

ROOT = Path(__file__).resolve().parents[2]
SHARE = 12
"""One of so many tests of a file: about 1,800 in all, which two cores do in 100 s (measured; all 13,000 take some 20 minutes)."""
EVERY_S = 10.0


def until() -> float:
    """The end of the run, in seconds since the epoch: one moment for all its processes."""
    return float(os.environ["MUSTER_TEST_UNTIL"])


def changed() -> set[str]:
    """The files that differ from the branch's upstream, or else from the last commit, with those that git does not know yet."""
    names: set[str] = set()
    for command in (["diff", "--name-only", "@{upstream}"], ["status", "--porcelain", "--untracked-files=all", "--no-renames"]):
        done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
        names |= {line[3:] if command[0] == "status" else line for line in done.stdout.splitlines()}
    return names


def folders_of(names: Iterable[str]) -> set[str]:
    """The folders of the tests of these files: `tests/budget/ledger` for a module in `budget/ledger`."""
    folders = (name.rpartition("/")[0] for name in names if name.endswith((".py", ".html", ".sql", ".js")))
    return {folder if folder.startswith("tests/") else f"tests/{folder}" for folder in folders if folder not in ("", "tests")}


def selected(files: Sequence[tuple[str, list[Any]]], first: set[str], random_: random.Random) -> list[Any]:
    """The tests of these files to run, in this order."""
    whole = [test for name, tests in files if name.rpartition("/")[0] in first for test in tests]
    others = [tests for name, tests in files if name.rpartition("/")[0] not in first]
    random_.shuffle(others)
    return whole + [test for tests in others for test in _part(tests, random_)]


def _part(tests: list[Any], random_: random.Random) -> list[Any]:
    places = random_.sample(range(len(tests)), -(-len(tests) // SHARE))
    return [tests[n] for n in sorted(places)]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    files = [(str(path.relative_to(ROOT)), list(tests)) for path, tests in groupby(items, lambda item: item.path)]
    kept = selected(files, folders_of(changed()), random.Random(sampling.SEED))
    config.hook.pytest_deselected(items=list(set(items) - set(kept)))
    items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    return True if time.time() > until() else None


class Progress:
    """A line every ten seconds, in place of dots."""

    def __init__(self, terminal: Any) -> None:
        self._terminal, self._shown, self._done = terminal, time.monotonic(), 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        return ("passed", "", "") if report.passed and report.when == "call" else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._done += report.when == "call"
        if time.monotonic() > self._shown + EVERY_S:
            self._shown = time.monotonic()
            left = max(0, int(until() - time.time()))
            self._terminal.write_line(f"{self._done} tests done, at most {left // 60}:{left % 60:02} left")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config.pluginmanager.get_plugin("terminalreporter")))
