"""How a stop gets harder, step by step. Each agent module may say what suits its CLI; KILL at the end of the grace is not its to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal


@dataclass(frozen=True, slots=True)
class Step:
    """From `after_s` seconds after the stop began, until the next step: this signal, once to each process it is for.

    `leader` is the process that was started. What it leaves behind when it goes need not wait for the next step.
    """

    signal: Literal["INT", "TERM", "KILL"]
    to: Literal["leader", "all"]
    after_s: float


def check(ladder: Sequence[Step]) -> None:
    """Raises ValueError when the steps do not come strictly one after the other."""
    times = [step.after_s for step in ladder]
    if any(time < 0 for time in times) or any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError(f"the steps of a ladder come one after the other, not at {times}")
