"""Counts the healthy sessions that would be ended early, and the tokens of doomed ones that are saved.

`python -m bench doomed [--each 100] [--seed 2028] [--tune]`

`--tune` tries levels on sessions of another seed; `orchestration/worker/agent_run/round_watch.py` has the chosen ones.
"""

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

TUNING_SEED = 28
MARGIN = 0.75
"""Levels that are lower by this factor may end no healthy session of the tuning half either."""


@dataclass(frozen=True, slots=True)
class Result:
    """`by_shape`: ended, of how many, tokens that it would have used, tokens saved."""

    by_shape: dict[tuple[bool, str], list[int]]

    def total(self, *, healthy: bool) -> list[int]:
        rows = [row for (is_healthy, _), row in self.by_shape.items() if is_healthy == healthy]
        return [sum(column) for column in zip(*rows, strict=True)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench doomed")
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2028)
    parser.add_argument("--tune", action="store_true")
    chosen = parser.parse_args(arguments)
    _set_up()
    if chosen.tune:
        _tune(chosen.each)
        return 0
    result = measure(chosen.seed, chosen.each)
    for (healthy, shape), (ended, count, warned, used, saved) in sorted(result.by_shape.items()):
        words = "false alarms" if healthy else "ended early"
        print(
            f"{'healthy' if healthy else 'doomed':8} {shape:36} {ended:3} of {count:3} {words}, {warned:3} warned, {saved / used:5.0%} of the tokens saved"
        )
    false, healthy_count, warned, *_ = result.total(healthy=True)
    ended, count, _, used, saved = result.total(healthy=False)
    print(f"\nended early: {ended} of {count} doomed; tokens saved: {saved:,} of {used:,} ({saved / used:.0%})")
    print(f"false alarms: {false} of {healthy_count} healthy; {warned} of them got a warning")
    return 0


def measure(seed: int, each: int) -> Result:
    from bench.doomed.replay import sessions

    return _result(sessions(seed, each))


def _result(recorded: list) -> Result:  # type: ignore[type-arg]
    from bench.doomed.replay import replay

    by_shape: dict[tuple[bool, str], list[int]] = {}
    for session in recorded:
        script, replayed = session.script, replay(session)
        row = by_shape.setdefault((script.healthy, script.shape), [0] * 5)
        used, spent = script.tokens(), script.tokens(replayed.ended_at)
        for n, amount in enumerate((replayed.ended_at is not None, 1, replayed.warned_at is not None, used, used - spent)):
            row[n] += amount
    return Result(by_shape)


def _tune(each: int) -> None:
    """The levels with the most tokens saved that end no healthy session, nor with lower levels."""
    from bench.doomed.replay import sessions
    from orchestration.worker.agent_run import round_watch

    recorded, best = sessions(TUNING_SEED, each), list[tuple[float, str]]()
    for first, again, unheard in _grid(round_watch.Levels):
        false = 0
        for factor in (MARGIN, 1.0):
            round_watch.FIRST, round_watch.AGAIN, round_watch.UNWARNED = (
                _scaled(each, factor) for each in (first, again, unheard)
            )
            result = _result(recorded)
            false += result.total(healthy=True)[0]
        *_, used, saved = result.total(healthy=False)
        best.append((-saved / used if not false else 1.0, f"{saved / used:.1%} false={false} {first} {again} {unheard}"))
    print("\n".join(text for _, text in sorted(best)[:8]))


def _grid(levels: type) -> Iterator[tuple]:  # type: ignore[type-arg]
    for repeats, unchanged, failures, after, alone in itertools.product(
        (8, 10, 12), (16, 24, 32), (6, 8), (0.4, 0.6), (1.5, 2.0)
    ):
        first = levels(repeats, unchanged, failures)
        yield first, _scaled(first, after), _scaled(first, alone)


def _scaled(levels, factor: float):  # type: ignore[no-untyped-def]
    return type(levels)(*(max(round(level * factor), 2) for level in (levels.repeats, levels.unchanged, levels.failures)))


def _set_up() -> None:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
