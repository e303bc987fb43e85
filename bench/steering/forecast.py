"""The forecast compared with the outcome: at 25, 50 and 75 % of the money, the 10 to 90 % range and the likely value against the truth."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import median

from bench.steering import strategies
from bench.steering.world import MIN_ROUND, ROUNDS, Run, Truth, play
from budget import forecast
from budget.forecast.remaining_cost import Life

AT = (25, 50, 75)
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Score:
    """Of one kind of forecast at one moment: was the truth in the range, and how far off was the likely value (a part of the truth)."""

    inside: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    early: int = 0
    silent: int = 0

    def add(self, low: float, likely: float, high: float, truth: float) -> None:
        self.inside.append(low <= truth <= high)
        self.errors.append(abs(likely - truth) / max(truth, 1e-9))
        self.early += truth < low

    @property
    def coverage(self) -> float:
        return 100 * sum(self.inside) / max(len(self.inside), 1)

    @property
    def error(self) -> float:
        return 100 * median(self.errors) if self.errors else 0.0


Scores = dict[tuple[str, int], Score]


def scores() -> Scores:
    return defaultdict(Score)


@dataclass
class Recorder:
    """What a forecast would have had to go by, after each round of a run."""

    moments: list[tuple[float, int, int, tuple[Life, ...]]] = field(default_factory=list)

    def look(self, run: Run) -> None:
        lives = tuple(
            Life(len(item.rounds), item.spent, ROUNDS - item.rounds_made, item.status in ("done", "failed", "stuck"))
            for item in run.items
        )
        self.moments.append((run.clock, run.spent, len(run.log), lives))

    def at(self, run: Run, amount: float) -> tuple[float, int, int, tuple[Life, ...]]:
        return next(moment for moment in self.moments if moment[1] >= amount)


def time_to_cap(result: Scores, run: Run, recorder: Recorder) -> None:
    """Of a run of Muster's with this money. Runs that end with money left have no such time."""
    if run.spent < run.money - MIN_ROUND:
        return
    reached = recorder.at(run, run.money - MIN_ROUND)[0]
    for percent in AT:
        clock, spent, rounds, _ = recorder.at(run, run.money * percent / 100)
        prediction = forecast.predict(facts(run, run.money, spent, rounds, None))
        score = result["cap", percent]
        if prediction.cap_from is None or prediction.cap_at is None or prediction.cap_until is None:
            score.silent += 1
        elif reached > clock:
            low, likely, high = (
                (item - START).total_seconds() for item in (prediction.cap_from, prediction.cap_at, prediction.cap_until)
            )
            score.add(low, likely, high, reached - clock)


def end_spend(result: Scores, truths: list[Truth]) -> None:
    """A run with money for everything: what the whole backlog cost in the end."""
    recorder = Recorder()
    run = play(truths, 10**12, strategies.first_come, recorder=recorder.look)
    for percent in AT:
        _, spent, rounds, lives = recorder.at(run, run.spent * percent / 100)
        prediction = forecast.predict(facts(run, run.money, spent, rounds, lives))
        score = result["end", percent]
        if prediction.end_low is None or prediction.end_spend is None or prediction.end_high is None:
            score.silent += 1
        else:
            score.add(prediction.end_low, prediction.end_spend, prediction.end_high, run.spent)


MOMENTS = 40


def at_every_moment(result: Scores, truths: list[Truth]) -> None:
    """The cost of the whole backlog, as it would have been forecast at forty moments of the run, with sessions at work."""
    recorder = Recorder()
    run = play(truths, 10**12, strategies.first_come, recorder=recorder.look)
    for n in range(1, MOMENTS):
        clock = run.clock * n / MOMENTS
        seen = [moment for moment in recorder.moments if moment[0] <= clock]
        if not seen:
            continue
        _, spent, rounds, lives = seen[-1]
        going = tuple(
            forecast.Worked(int(cost * (clock - began) / (ended - began)), began, clock, held)
            for began, ended, cost, held in run.log
            if began < clock < ended
        )
        known = facts(run, run.money, spent + sum(session.cost for session in going), rounds, lives)
        prediction = forecast.predict(replace(known, running=going))
        score = result["moment", 100]
        if prediction.end_low is None or prediction.end_spend is None or prediction.end_high is None:
            score.silent += 1
        else:
            score.add(prediction.end_low, prediction.end_spend, prediction.end_high, run.spent)


def facts(run: Run, cap: int, spent: int, rounds: int, lives: tuple[Life, ...] | None) -> forecast.Facts:
    worked = tuple(forecast.Worked(cost, began, ended, held) for began, ended, cost, held in run.log[:rounds][-400:])
    return forecast.Facts(at=START, spent=spent, cap=cap, worked=worked, lives=lives)
