"""A run on a developer's machine takes a sample of what is many and alike. CI takes all of it on SQLite, and a sample on
PostgreSQL, of the real CLIs (some of the eight, see tests/agents/conftest.py) and of the sweeps over crash points; MUSTER_TEST_WHOLE=1 takes all of it everywhere:
before a release, and after a change of processes, SQL or the runner.

MUSTER_TEST_SEED chooses the sample; `./muster test` picks one and prints it when a test fails.
"""

import os
import random
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")
ASKED = os.environ.get("MUSTER_TEST_WHOLE") == "1"
WHOLE = ASKED or ("MUSTER_TEST_WHOLE" not in os.environ and os.environ.get("CI") == "true")
SEED = os.environ.get("MUSTER_TEST_SEED", "")


def sample(cases: Iterable[T], number: int) -> list[T]:
    """`number` of the cases, in their order; all of them in a whole run."""
    selected = list(cases)
    return selected if WHOLE else part(selected, number)


def part(cases: Iterable[T], number: int) -> list[T]:
    """`number` of the cases, in CI too: each costs seconds of a whole Muster. All of them where MUSTER_TEST_WHOLE asks for it."""
    selected = list(cases)
    if ASKED or number >= len(selected):
        return selected
    chosen = sorted(random.Random(f"{SEED}:{len(selected)}").sample(range(len(selected)), number))
    return [selected[n] for n in chosen]


def examples(number: int) -> int:
    """The number of examples for hypothesis: `number` in a whole run, else a fifth."""
    return number if WHOLE else max(number // 5, 10)


def seeds(number: int) -> list[int]:
    """Seeds of a race: `number` in a whole run, else a third of them; or as many as MUSTER_TEST_SEEDS says."""
    if asked := os.environ.get("MUSTER_TEST_SEEDS"):
        return list(range(int(asked)))
    return sample(range(number), max(1, number // 3))
