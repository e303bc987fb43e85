"""How fast money goes, when the cap is reached and what the backlog will have cost. Pure: no database, no clock. Micro-USD and seconds."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

WINDOW_S = 2 * 3600
LEAST_ROUNDS = 3
LEAST_ACTIVE_S = 30 * 60
DRAWS = 300
METHOD = "Median spend per hour with a session at work, over the last 2 such hours; ranges (10 % to 90 %) from 300 resamplings of those rounds."


@dataclass(frozen=True, slots=True)
class Worked:
    """A session that is over: what it cost, and from when to when it ran (seconds on one clock)."""

    cost: int
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What a forecast is made from. `spent` in all categories; `cap`: the most that may be spent. `overhead`: what is spent in all for
    each dollar that sessions spend. `needs`: what each open entry may still cost, None: not known."""

    at: datetime
    spent: int
    cap: int
    worked: tuple[Worked, ...]
    overhead: float = 1.0
    needs: tuple[int, ...] | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """Rates in micro-USD per active hour. `cap_at`, `cap_from`, `cap_until`: when the cap is reached, likely, at the earliest and at the
    latest; None when paused, or when it is not known. `end_spend`, `end_low`, `end_high`: what all will have cost when the backlog is done.
    """

    enough: bool
    why_not: str
    rate: int = 0
    low_rate: int = 0
    high_rate: int = 0
    cap_at: datetime | None = None
    cap_from: datetime | None = None
    cap_until: datetime | None = None
    end_spend: int | None = None
    end_low: int | None = None
    end_high: int | None = None
    paused: bool = False
    method: str = METHOD


def of(facts: Facts) -> Forecast:
    """The forecast, or why there is none yet."""
    recent = window(facts.worked)
    active = active_seconds(recent)
    if why := _thin(len(recent), active):
        return Forecast(False, why, paused=facts.paused)
    dice = random.Random(f"{facts.spent}:{len(facts.worked)}:{facts.cap}")
    beside = max(sum(one.ended - one.began for one in recent) / active, 1e-9)
    rates = []
    for _ in range(DRAWS):
        drawn = dice.choices(recent, k=len(recent))
        seconds = max(sum(one.ended - one.began for one in drawn) / beside, 1.0)
        rates.append(sum(one.cost for one in drawn) * facts.overhead * 3600 / seconds)
    low, rate, high = _range(rates)
    left = max(facts.cap - facts.spent, 0)
    likely, earliest, latest = (
        None if facts.paused or one <= 0 else _after(facts.at, left * 3600 / one) for one in (rate, high, low)
    )
    end = facts.spent + sum(facts.needs) if facts.needs is not None else None
    return Forecast(
        enough=True,
        why_not="",
        rate=round(rate),
        low_rate=round(low),
        high_rate=round(high),
        cap_at=likely,
        cap_from=earliest,
        cap_until=latest,
        end_spend=end,
        end_low=end,
        end_high=end,
        paused=facts.paused,
    )


def window(worked: Sequence[Worked]) -> list[Worked]:
    """The newest sessions that make up the last two hours with a session at work, oldest first."""
    taken: list[Worked] = []
    for one in sorted(worked, key=lambda one: one.ended, reverse=True):
        taken.append(one)
        if active_seconds(taken) >= WINDOW_S:
            break
    return taken[::-1]


def active_seconds(worked: Sequence[Worked]) -> float:
    """Seconds with at least one session at work: the union of their spans."""
    total, until = 0.0, float("-inf")
    for one in sorted(worked, key=lambda one: one.began):
        total += max(one.ended - max(one.began, until), 0.0)
        until = max(until, one.ended)
    return total


def _thin(rounds: int, active: float) -> str:
    if rounds < LEAST_ROUNDS:
        return f"Not enough data yet ({rounds} of {LEAST_ROUNDS} rounds)"
    if active < LEAST_ACTIVE_S:
        return f"Not enough data yet ({int(active // 60)} of {LEAST_ACTIVE_S // 60} active minutes)"
    return ""


def _range(values: Sequence[float]) -> tuple[float, float, float]:
    """10 %, the median and 90 %."""
    tenths = quantiles(values, n=10, method="inclusive")
    return tenths[0], tenths[4], tenths[8]


def _after(at: datetime, seconds: float) -> datetime | None:
    """None: so far away that no calendar has it."""
    return at + timedelta(seconds=seconds) if seconds < 10 * 365 * 86_400 else None
