"""The rate of spend, when the cap is reached, and the cost of the backlog at its end. Pure: no database, no clock. Micro-USD and seconds."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median, quantiles

from budget.forecast import remaining_cost
from budget.forecast.remaining_cost import Life

WINDOW_S = 2 * 3600
MIN_ROUNDS = 10  # fewer say little, however long they took; a fast backlog makes them in minutes
MIN_IN_WINDOW = 3
STEADY_S = 30 * 60  # a pace seen for a shorter time may change more
DRAWS = 300
END_DRAWS = 100
DRIFT = 0.12  # the relative drift of a backlog's pace, calibrated in bench/steering/README.md
METHOD = (
    "Median spend per hour with a session at work, over the last 2 such hours; ranges are the 10 % to 90 % of 300 resamplings of those "
    "rounds. The backlog's end: how many rounds entries take here and what a round costs, drawn 100 times."
)


@dataclass(frozen=True, slots=True)
class Worked:
    """An ended session: its cost, its start and end (seconds on one clock), and its reservation."""

    cost: int
    began: float
    ended: float
    held: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """The input of a forecast. `spent` in all categories. `overhead`: total spend for each dollar of sessions, `round_overhead`: for each
    dollar of rounds. `lives`: the entries so far; None: not known. `each`: for how many entries an open one of them stands."""

    at: datetime
    spent: int
    cap: int
    worked: tuple[Worked, ...]
    overhead: float = 1.0
    round_overhead: float = 1.0
    lives: tuple[Life, ...] | None = None
    each: float = 1.0
    paused: bool = False
    running: tuple[Worked, ...] = ()
    """Sessions at work: `cost` so far, `ended` now. They were longer than those that ended so far: without them the backlog looks cheap."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Rates in micro-USD per active hour. `cap_at`, `cap_from`, `cap_until`: when the cap is reached: likely, earliest, latest; None when
    paused or not known. `end_spend`, `end_low`, `end_high`: the total spend once the backlog is done; `end_at`: when that is at the rate. None: not known,
    paused, or longer than a year.
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
    end_at: datetime | None = None
    paused: bool = False
    method: str = METHOD


@dataclass(frozen=True, slots=True)
class _Usual:
    """The rounds in the window: cost and reservation of one (micro-USD), the variation of the cost, how many run at once, and the
    relative drift of the pace."""

    cost: float
    spread: float
    held: float
    at_once: float
    drift: float = DRIFT


def predict(facts: Facts) -> Forecast:
    """The forecast, or why there is none yet. The same facts give the same forecast."""
    if why := _nothing_ahead(facts.lives) or _missing_data(len(facts.worked)):
        return Forecast(False, why, paused=facts.paused)
    recent = window((*facts.worked, *facts.running))
    active = active_seconds(recent)
    dice = random.Random(f"{facts.spent}:{len(facts.worked)}:{facts.cap}")
    left = max(facts.cap - facts.spent, 0)
    usual = _usual(recent, active, facts.overhead)
    rates, times = [], []
    for _ in range(DRAWS):
        rate = _rate(dice.choices(recent, k=len(recent)), usual.at_once) * facts.overhead
        rates.append(rate * 3600)
        times.append(_seconds_until(left, rate, usual, dice))
    low, rate, high = _range(rates)
    sooner, likely, later = (None if facts.paused else _moment_after(facts.at, seconds) for seconds in _range(times))
    end_low, end, end_high = _end(facts, dice)
    return Forecast(
        enough=True,
        why_not="",
        rate=round(rate),
        low_rate=round(low),
        high_rate=round(high),
        cap_at=likely,
        cap_from=sooner,
        cap_until=later,
        end_spend=end,
        end_low=end_low,
        end_high=end_high,
        end_at=None if facts.paused or end is None else _end_at(facts, end, round(rate)),
        paused=facts.paused,
    )


def window(worked: Sequence[Worked]) -> list[Worked]:
    """The newest sessions that make up the last two hours with a running session, oldest first: three at least, since one has no range."""
    taken: list[Worked] = []
    for session in sorted(worked, key=lambda session: session.ended, reverse=True):
        taken.append(session)
        if len(taken) >= MIN_IN_WINDOW and active_seconds(taken) >= WINDOW_S:
            break
    return taken[::-1]


def active_seconds(worked: Sequence[Worked]) -> float:
    """Seconds with at least one running session: the union of their spans."""
    total, until = 0.0, float("-inf")
    for session in sorted(worked, key=lambda session: session.began):
        total += max(session.ended - max(session.began, until), 0.0)
        until = max(until, session.ended)
    return total


def _usual(recent: Sequence[Worked], active: float, overhead: float) -> _Usual:
    mean = fmean(session.cost for session in recent)
    spread = math.sqrt(fmean((session.cost - mean) ** 2 for session in recent)) / max(mean, 1.0)
    at_once = max(sum(session.ended - session.began for session in recent) / max(active, 1.0), 1.0)
    drift = DRIFT * math.sqrt(max(STEADY_S / max(active, 1.0), 1.0))
    return _Usual(mean * overhead, spread, median(session.held for session in recent), at_once, drift)


def _rate(drawn: Sequence[Worked], at_once: float) -> float:
    """Micro-USD per active second for these rounds, with the same number at once."""
    seconds = sum(session.ended - session.began for session in drawn) / at_once
    return sum(session.cost for session in drawn) / max(seconds, 1.0)


def _seconds_until(left: int, rate: float, usual: _Usual, dice: random.Random) -> float:
    """Seconds until `left` is spent. The fewer rounds it pays, the larger the spread; the farther away, the larger the drift."""
    if rate <= 0:
        return math.inf
    rounds = max(left / max(usual.cost, 1.0), 1.0)
    wander = math.hypot(usual.spread / math.sqrt(rounds), usual.drift)
    return _seconds_slowing_down(left, rate, usual.at_once, usual.held) * math.exp(dice.gauss(0, wander))


def _seconds_slowing_down(left: float, rate: float, at_once: float, held: float) -> float:
    """Seconds at this rate, with fewer sessions at once near the end: reserved money is not available to start others."""
    slow = min(left, (at_once - 1) * held)  # below this, the last session to start gets the remainder, and none starts after it
    fading = held * at_once / rate * math.log(1 + slow / held) if held > 0 else 0.0
    return (left - slow) / rate + fading


def _end_at(facts: Facts, end: int, rate: int) -> datetime | None:
    if rate <= 0:
        return None
    left = timedelta(hours=max(end - facts.spent, 0) / rate)
    return facts.at + left if left < timedelta(days=365) else None


def _end(facts: Facts, dice: random.Random) -> tuple[int | None, int | None, int | None]:
    costs = remaining_cost.end_costs(facts.lives, draws=END_DRAWS, dice=dice) if facts.lives is not None else []
    drawn, ended = sum(session.cost for session in facts.running), sum(session.cost for session in facts.worked)
    # Rounds at work are cut off by the moment: each counts with its cost so far and as none that ended, as the mean of a censored sample has it.
    # What is left of them is a part by chance of what they drew. On 120 backlogs at 39 moments the ranges held 78.7 % (before: 75.3 %), the first fifth 83 % (76 %).
    costs = [max(int(cost * (1 + drawn / max(ended, 1)) - drawn * dice.random()), 0) for cost in costs]
    ahead = facts.round_overhead * facts.each
    if not costs:
        return None, None, None
    low, middle, high = (round(facts.spent + cost * ahead) for cost in _range(costs))
    return low, middle, high


def _missing_data(rounds: int) -> str:
    return f"Not enough data yet ({rounds} of {MIN_ROUNDS} rounds)" if rounds < MIN_ROUNDS else ""


def _nothing_ahead(lives: Sequence[Life] | None) -> str:
    ended = bool(lives) and not any(remaining_cost.is_ahead(life) for life in lives or ())
    return "Nothing is open: all that was added has ended" if ended else ""


def _range(values: Sequence[float]) -> tuple[float, float, float]:
    """10 %, the median and 90 %."""
    ordered = sorted(values)
    if math.isinf(ordered[-1]):  # quantiles would mix it with its neighbour and give nan
        pick = [ordered[int(part * (len(ordered) - 1))] for part in (0.1, 0.5, 0.9)]
        return pick[0], pick[1], pick[2]
    tenths = quantiles(ordered, n=10, method="inclusive")
    return tenths[0], tenths[4], tenths[8]


def _moment_after(at: datetime, seconds: float) -> datetime | None:
    """The moment so many seconds later. None: it is more than ten years away."""
    return at + timedelta(seconds=seconds) if seconds < 10 * 365 * 86_400 else None
