"""Writes `passed failed skipped` to the file named by MUSTER_TEST_COUNTS, for `./muster test` to add up."""

import os
from pathlib import Path

from _pytest.terminal import TerminalReporter


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    stats = terminalreporter.stats

    def number(*outcomes: str) -> int:
        return sum(len(stats.get(outcome, [])) for outcome in outcomes)

    counts = number("passed", "xfailed"), number("failed", "error", "xpassed"), number("skipped")
    if target := os.environ.get("MUSTER_TEST_COUNTS"):
        Path(target).write_text(" ".join(map(str, counts)))
