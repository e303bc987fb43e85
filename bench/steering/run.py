"""The value of steering: the same backlogs and the same money, shared in four ways; and the forecast compared with the outcome.

`python -m bench steering [--seeds N] [--from SEED]`: 200 backlogs of each family, three amounts of money. Prints the tables of bench/steering/README.md
and writes its picture. No database, no network; under three minutes on one core. The constants of budget/ were chosen on seeds from 1000 on,
what is reported are the seeds from 0.
"""

import argparse
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from bench.steering import forecast, picture, strategies
from bench.steering.forecast import Recorder
from bench.steering.world import backlog, play

FAMILIES = {"steady": "progress is even", "late": "hard entries show nothing at first, plateaus look good until they end"}
LEVELS = (30, 60, 100)
NAMES = {"muster": "Muster", "equal": "equal shares", "first": "first come", "oracle": "oracle"}
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "steering.svg"


@dataclass
class Column:
    """One strategy at one level: what each seed solved, wasted and spent (dollars)."""

    solved: list[int] = field(default_factory=list)
    wasted: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)

    def add(self, solved: int, wasted: int, spent: int) -> None:
        self.solved.append(solved)
        self.wasted.append(wasted / 1e6)
        self.spent.append(spent / 1e6)


Columns = dict[str, Column]


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench steering", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--from", dest="first", type=int, default=0)
    asked = parser.parse_args(args)
    began = time.monotonic()
    shown: dict[tuple[str, int], Columns] = {}
    for family, what in FAMILIES.items():
        columns: dict[int, Columns] = {level: {name: Column() for name in NAMES} for level in LEVELS}
        scores = forecast.scores()
        for seed in range(asked.first, asked.first + asked.seeds):
            _single_run(seed, family, columns, scores)
        print(f"\n{family}: {what}; {asked.seeds} backlogs of 40 entries, seeds {asked.first} to {asked.first + asked.seeds - 1}")
        _table(columns)
        _calibration(scores)
        shown |= {(family, level): columns[level] for level in LEVELS}
    if (asked.seeds, asked.first) == (200, 0):
        PICTURE.write_text(picture.draw({key: {n: fmean(c.solved) for n, c in run_.items()} for key, run_ in shown.items()}))
        print(f"\nwrote {PICTURE.relative_to(PICTURE.parents[2])}")
    print(f"{time.monotonic() - began:.0f} s")
    return 0


def _single_run(seed: int, family: str, columns: dict[int, Columns], scores: forecast.Scores) -> None:
    truths = backlog(seed, family)
    needed = sum(truth.price for truth in truths if truth.solves_at)
    for level in LEVELS:
        money, recorder = needed * level // 100, Recorder()
        run = play(truths, money, strategies.muster, shares=True, recorder=recorder.look)
        columns[level]["muster"].add(run.solved, run.wasted, run.spent)
        forecast.time_to_cap(scores, run, recorder)
        for name, steer in (("equal", strategies.equal), ("first", strategies.first_come)):
            run = play(truths, money, steer)
            columns[level][name].add(run.solved, run.wasted, run.spent)
        solved, spent = strategies.oracle(truths, money)
        columns[level]["oracle"].add(solved, 0, spent)
    forecast.end_spend(scores, truths)
    forecast.at_every_moment(scores, truths)


def _table(columns: dict[int, Columns]) -> None:
    print(
        "| money | shared by | solved (10 % to 90 %) | of the oracle's | wasted | a solved one cost | Muster solves more, same, fewer |"
    )
    print("|---|---|---|---|---|---|---|")
    for level, run_ in columns.items():
        for name, column in run_.items():
            ordered = sorted(column.solved)
            low, high = ordered[len(ordered) // 10], ordered[len(ordered) * 9 // 10]
            share = 100 * sum(column.solved) / max(sum(run_["oracle"].solved), 1)
            dear = sum(column.spent) / max(sum(column.solved), 1)
            against = _against(run_["muster"], column) if name in ("equal", "first") else ""
            print(
                f"| {level} % | {NAMES[name]} | {fmean(column.solved):.1f} ({low} to {high}) | {share:.0f} % "
                f"| ${fmean(column.wasted):.2f} | ${dear:.2f} | {against} |"
            )


def _against(ours: Column, theirs: Column) -> str:
    """Backlog by backlog, and the mean difference with the 95 % range of 2000 resamplings."""
    gaps = [mine - other for mine, other in zip(ours.solved, theirs.solved, strict=True)]
    dice = random.Random(0)
    means = sorted(fmean(dice.choices(gaps, k=len(gaps))) for _ in range(2000))
    counts = f"{sum(g > 0 for g in gaps)}, {sum(g == 0 for g in gaps)}, {sum(g < 0 for g in gaps)}"
    return f"{counts}; {fmean(gaps):+.1f} ({means[50]:+.1f} to {means[1949]:+.1f})"


def _calibration(scores: forecast.Scores) -> None:
    names = {
        "cap": "time until the cap",
        "end": "cost of the whole backlog",
        "moment": "the same, at 39 moments with sessions at work",
    }
    print(
        "\n| forecast | made when spent | in the 10 to 90 % range | likely value is off by (median) | forecasts | too little data |"
    )
    print("|---|---|---|---|---|---|")
    for (kind, percent), score in sorted(scores.items()):
        count = len(score.inside)
        print(f"| {names[kind]} | {percent} % | {score.coverage:.0f} % | {score.error:.0f} % | {count} | {score.silent} |")
