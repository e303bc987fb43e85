"""From values to pixels: round steps of money and of time, and labels that do not overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from budget import amounts
from workspaces import times

MAX_LINES = 5
_STEPS = [timedelta(minutes=m) for m in (1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720)]
_STEPS += [timedelta(days=d) for d in (1, 2, 7, 14, 28, 56, 91, 182, 364)]


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` on pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + share * (self.end - self.start)


def money_steps(highest: int) -> list[int]:
    """At most five gridlines from 0, at 1, 2, 2.5 or 5 of a power of ten; the last is not below `highest`. Micro-USD."""
    power = 1
    while True:
        for factor in (1, 2, 2.5, 5):
            step = int(factor * power)
            lines = -(-max(highest, 1) // step)
            if lines < MAX_LINES and step >= 1:
                return [step * n for n in range(lines + 1)]
        power *= 10


def money_label(micro: int) -> str:
    """`$1.50`, `$25` and, from ten thousand, `$12k`, since an axis has little space."""
    if micro >= 10_000 * amounts.MICRO:
        thousands = micro / (1000 * amounts.MICRO)
        return f"${thousands:,.0f}k" if thousands == int(thousands) else f"${thousands:,.1f}k"
    whole = micro % amounts.MICRO == 0
    return amounts.format_usd(micro).removesuffix(".00") if whole else amounts.format_usd(micro)


def time_steps(since: datetime, until: datetime, zone: tzinfo = UTC, max_steps: int = 8) -> list[datetime]:
    """Round moments of a zone between the two: every hour, every day, every Monday."""
    step = next((step for step in _STEPS if (until - since) / step <= max_steps), _STEPS[-1])
    return times.steps(since, until, step, zone)


def time_label(at: datetime, span: timedelta) -> str:
    if span <= timedelta(hours=36):
        return f"{at:%H:%M}"
    return f"{at.day} {at:%b}" if at.hour == at.minute == 0 or span > timedelta(days=14) else f"{at.day} {at:%b %H:%M}"


def spread(targets: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions for labels: as near to their targets as possible, `gap` apart, within `low` to `high` if they fit."""
    order = sorted(range(len(targets)), key=lambda n: targets[n])
    placed = [0.0] * len(targets)
    at = low
    for n in order:
        at = placed[n] = max(targets[n], at)
        at += gap
    at = high
    for n in reversed(order):
        at = placed[n] = min(placed[n], at)
        at -= gap
    return placed
