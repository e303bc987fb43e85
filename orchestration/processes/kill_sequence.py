"""The escalating signals of a stop. Each agent module may choose a sequence for its CLI; KILL comes after MUSTER_STOP_GRACE_S in any case."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal


@dataclass(frozen=True, slots=True)
class Step:
    """From `after_s` seconds after the stop began until the next step: this signal, once to each process in `to`.

    `leader` is the process that was started. Once it is gone, its remaining children get the next step at once.
    """

    signal: Literal["INT", "TERM", "KILL"]
    to: Literal["leader", "all"]
    after_s: float


def check(steps: Sequence[Step]) -> None:
    """Raises ValueError unless the times increase strictly."""
    times = [step.after_s for step in steps]
    if any(time < 0 for time in times) or any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError(f"the steps of a kill sequence must come one after the other, not at {times}")
