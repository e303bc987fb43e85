"""The figures of a group of rounds, their differences, and how people read them. Pure."""

from collections.abc import Callable, Hashable
from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import Self

from budget import amounts
from dashboard.shared.texts import labels


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over rounds. `first`: first rounds with a verdict. `false_alarms`: ended early, and their work passed as it was. `gained`:
    thousandths of a score. Micro-USD and tokens."""

    rounds: int = 0
    landed: int = 0
    first: int = 0
    first_passed: int = 0
    cost: int = 0
    wasted: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    ended_early: int = 0
    false_alarms: int = 0
    passed: int = 0
    gained: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Waits:
    """Percentiles of the time in queue. None: no first session ended."""

    p50: timedelta | None = None
    p95: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A group in the range and in the period before it (None: nothing to compare with)."""

    key: Hashable
    now: Figures
    before: Figures | None = None
    waits: Waits = Waits()
    waits_before: Waits = Waits()


Amount = int | float


@dataclass(frozen=True)
class Metric:
    """A column. `of`: its value, None where it has none; `text`: a value, and the size of a difference, as people read them."""

    name: str
    label: str
    of: Callable[[Figures, Waits], Amount | None]
    text: Callable[[Amount], str]
    step: Callable[[Amount], str] | None = None

    def value(self, row: Row) -> Amount | None:
        return self.of(row.now, row.waits)

    def difference(self, row: Row) -> str:
        """`▲ +$1.20`, `▼ −3`, `=`. Empty: one of the two has no value, or no round had ended before."""
        if row.before is not None and not row.before.rounds and not row.before.cost:
            return ""
        now, before = self.value(row), None if row.before is None else self.of(row.before, row.waits_before)
        if now is None or before is None:
            return ""
        size = (self.step or self.text)(abs(now - before))
        if now == before or size == (self.step or self.text)(0):
            return "="
        return f"▲ +{size}" if now > before else f"▼ −{size}"


def share(part: Amount, whole: Amount) -> float | None:
    return part / whole if whole else None


def _count(value: Amount) -> str:
    return f"{value:,}"


def _usd(value: Amount) -> str:
    return amounts.format_usd(int(value))


def _percent(value: Amount) -> str:
    return f"{100 * value:.0f} %"


def _points(value: Amount) -> str:
    return f"{100 * value:.0f} points"


def _seconds(wait: timedelta | None) -> float | None:
    return None if wait is None else wait.total_seconds()


OF_STEPS = (
    Metric("passed", "Rounds passed", lambda f, _: share(f.passed, f.rounds), _percent, _points),
    Metric("point", "Per gained 0.1", lambda f, _: f.cost * 100 // f.gained if f.gained else None, _usd),
)
"""Columns of the table by step alone."""
METRICS = (
    Metric("landed", "Landed", lambda f, _: f.landed, _count),
    Metric("first", "First round passed", lambda f, _: share(f.first_passed, f.first), _percent, _points),
    Metric("rounds", "Rounds", lambda f, _: f.rounds, _count),
    Metric("ended_early", "Ended early", lambda f, _: f.ended_early, _count),
    Metric("spent", "Spent", lambda f, _: f.cost, _usd),
    Metric("each", "Per landed", lambda f, _: f.cost // f.landed if f.landed else None, _usd),
    Metric("wasted", "Wasted", lambda f, _: f.wasted, _usd),
    Metric("p50", "In queue p50", lambda _, w: _seconds(w.p50), labels.duration),
    Metric("p95", "In queue p95", lambda _, w: _seconds(w.p95), labels.duration),
    Metric("cache", "Cache share", lambda f, _: share(f.cached_tokens, f.input_tokens), _percent, _points),
)
BY_NAME = {metric.name: metric for metric in (*METRICS, *OF_STEPS)}


def ordered(rows: list[Row], sort: str) -> list[Row]:
    """By a metric, or by `name`; `-` in front: descending. Rows without the value come last."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    rows = sorted(rows, key=lambda row: str(row.key), reverse=descending and name == "name")
    if name == "name":
        return rows
    metric = BY_NAME[name]
    some = [row for row in rows if metric.value(row) is not None]
    none = [row for row in rows if metric.value(row) is None]
    return sorted(some, key=lambda row: metric.value(row) or 0, reverse=descending) + none
