"""The workspace's settings that money depends on. Budget does not know where they are kept: the app that keeps them says how to read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Amounts in micro-USD. `automatic`: the workspace lets its budgets be reallocated after each round. `running`: sessions are
    being started. `no_funding`: the reason codes of blocked entries that keep their budget and get no more."""

    min_round: int
    round_ceiling: int
    plateau_rounds: int
    plateau_epsilon: float
    automatic: bool
    running: bool
    no_funding: Sequence[str]


Reader = Callable[[str, bool], Policy]
_readers: list[Reader] = []


def read_with(reader: Reader) -> None:
    """`reader(workspace_id, lock)`: with `lock`, inside a transaction, nothing is dispatched, ended or added until it is over. Who changes
    many accounts at once takes it first, or two of them could wait for each other."""
    _readers[:] = [reader]


def of(workspace_id: str, *, lock: bool = False) -> Policy:
    return _readers[0](workspace_id, lock)
