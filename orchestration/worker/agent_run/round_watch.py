"""Detection of a doomed round by its tool uses: a warning, then the end. Pure: no database, no clock, no files.

Signs: repeated calls with equal answers; no changed file for long; repeated failures of the round before. One alone says nothing: long reading changes no file,
and a test after each edit is the same call. With these levels `bench doomed` ends no healthy session of 100, and saves 58 % of the doomed ones' tokens.
"""

import re
from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from orchestration.worker.agents.shared.events import ToolUse

Decision = Literal["", "warn", "end"]


@dataclass(frozen=True, slots=True)
class Levels:
    """Thresholds of the signs. Repeats and failures are doubled while files change."""

    repeats: int  # of one call among four times as many
    unchanged: int  # tool uses without a changed file
    failures: int  # test runs


FIRST = Levels(repeats=10, unchanged=24, failures=8)
AGAIN = Levels(repeats=5, unchanged=10, failures=4)
"""Counted from the warning."""
UNWARNED = Levels(repeats=20, unchanged=48, failures=16)
"""For an agent without messages while it works."""

WINDOW = 4
WHILE_CHANGING = 2
MIN_NAME = 6
MAX_NAMES = 100
MAX_SHOWN = 80
_WAITING = re.compile(r"\bsleep\b|\bwait\b|--watch\b|\bwatch\b|tail -f|\bTaskOutput\b|\bBashOutput\b|_output\b", re.I)
_VOLATILE = re.compile(
    r"\d+(?:\.\d+)?\s?(?:ms|µs|us|s|secs?|seconds?|minutes?|min|m)\b"  # a duration
    r"|\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?|\d{4}-\d\d-\d\d(?:T\S+)?"  # a time
    r"|0x[0-9a-f]+|/tmp/\S+|\bpid[ =:]?\d+",
    re.I,
)
_CASE = re.compile(r"(?:[\w/\-]+(?:\.|::|#|/))+(\w+)")
_TROUBLE = re.compile(r"\b(?:fail\w*|error\w*|\w+error|assert\w*|panic\w*)\b", re.I)


def failing_names(findings: Iterable[str]) -> frozenset[str]:
    """The traces of failures in a test run: names of cases, or whole lines without these."""
    names: dict[str, None] = {}
    for finding in findings:
        first, *lines = finding.split("\n")
        cases = [match[1] for match in _CASE.finditer(first.partition(": ")[2]) if len(match[1]) >= MIN_NAME]
        cases = cases[:1] or [case for line in lines for case in re.findall(r"::(\w{6,})", line)]
        names |= dict.fromkeys(cases or [_plain(line) for line in lines if _TROUBLE.search(line) and len(line) > 2 * MIN_NAME])
    return frozenset(list(names)[:MAX_NAMES])


class RoundWatch:
    """The watch over one round. A round is warned once, also across a dead worker's session."""

    def __init__(self, failing: Collection[str] = (), *, receives: bool = True, was_warned: bool = False) -> None:
        self._failing = failing
        self._receives = receives
        self._warned = self._arrived = was_warned
        self._levels = FIRST if receives else UNWARNED
        self._uses = self._warned_at = 0
        self._begin()

    def _begin(self) -> None:
        self._recent: deque[tuple[str, str, str]] = deque(maxlen=WINDOW * WHILE_CHANGING * UNWARNED.repeats)
        self._unchanged = 0
        self._still_failing = 0
        self._fewest = len(self._failing)

    def read(self, use: ToolUse) -> None:
        """Read a tool use. A waiting tool is no sign: its subject may be slow."""
        if _WAITING.search(use.tool) or _WAITING.search(use.arguments):
            return
        answer = _plain(use.answer)
        self._uses += 1
        self._recent.append((use.tool, use.arguments, answer))
        self._unchanged += 1
        self._read_failures(answer)

    def files_changed(self) -> None:
        self._unchanged = 0

    def warning_arrived(self) -> None:
        """Restart the counts, with lower thresholds."""
        if not self._arrived:
            self._warned = self._arrived = True
            self._levels = AGAIN
            self._begin()

    def decide(self) -> Decision:
        """Decide: `warn` once, `end` at signs after the warning, or at many more without one."""
        if len(self.signs(self._levels)) >= 2:
            if self._arrived or not self._receives:
                return "end"
            if not self._warned:
                self._warned, self._warned_at = True, self._uses
                return "warn"
        is_lost = self._warned and self._uses - self._warned_at >= AGAIN.unchanged
        return "end" if is_lost and len(self.signs(UNWARNED)) >= 2 else ""

    def signs(self, levels: Levels) -> list[str]:
        """The present signs, in words."""
        signs = []
        factor = 1 if self._unchanged >= levels.unchanged else WHILE_CHANGING
        recent = list(self._recent)[-WINDOW * factor * levels.repeats :]
        (call, times), *_ = [*Counter(recent).most_common(1), (("", "", ""), 0)]
        if times >= factor * levels.repeats:
            signs.append(f"the same call {times} times with the same answer ({' '.join(call[:2])[:MAX_SHOWN]})")
        if self._unchanged >= levels.unchanged:
            signs.append(f"no file changed for {self._unchanged} tools")
        if self._still_failing >= factor * levels.failures:
            signs.append(f"the failures of the round before in {self._still_failing} test runs")
        return signs

    @property
    def seen(self) -> str:
        """The signs of the decision."""
        return ", ".join(self.signs(self._levels))

    def _read_failures(self, answer: str) -> None:
        """Read the failures. A new minimum is progress."""
        if not self._failing:
            return
        failing = sum(name in answer for name in self._failing)
        if not failing:
            return
        self._still_failing = self._still_failing + 1 if failing >= self._fewest else 0
        self._fewest = min(self._fewest, failing)


def _plain(text: str) -> str:
    """A text without its durations and times."""
    return _VOLATILE.sub("~", " ".join(text.split()))
