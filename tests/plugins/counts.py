"""Counts for `./muster test` to add up, in the file named by MUSTER_TEST_COUNTS: passed, failed, skipped, and how many of those
need namespaces that this machine does not have; then a line for each test that failed. With CI=true any other skip is a failure: a suite
that skips everything is not green.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

ALLOWED = "needs_namespaces"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not item.get_closest_marker(ALLOWED):
        _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        _refuse(report)
    return report


def _refuse(report: Any) -> None:
    if os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr[2]}"


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    stats = terminalreporter.stats

    def number(*outcomes: str) -> int:
        return sum(len(stats.get(outcome, [])) for outcome in outcomes)

    excused = sum(ALLOWED in report.keywords for report in stats.get("skipped", []))
    counts = number("passed", "xfailed"), number("failed", "error", "xpassed"), number("skipped"), excused
    failing = dict.fromkeys(report.nodeid for outcome in ("failed", "error", "xpassed") for report in stats.get(outcome, []))
    if target := os.environ.get("MUSTER_TEST_COUNTS"):
        Path(target).write_text("\n".join([" ".join(map(str, counts)), *failing]))
