"""The workspace's settings that money depends on. The app that stores them registers a reader, so budget does not import it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from budget.allocation.estimates import Prior


@dataclass(frozen=True, slots=True)
class Policy:
    """Amounts in micro-USD. `automatic`: budgets are reallocated after each round. `running`: the executor starts sessions.
    `priors`: by account, what agents estimate whose estimates have proved better than the medians; read only by an allocation. `no_funding`: the reason codes of blocked entries that keep their budget and get no more money."""

    min_round: int
    round_ceiling: int
    plateau_rounds: int
    plateau_epsilon: float
    automatic: bool
    running: bool
    no_funding: Sequence[str]
    priors: Callable[[], Mapping[str, Prior]] = dict


Reader = Callable[[str, bool], Policy]
_readers: list[Reader] = []


def register_reader(reader: Reader) -> None:
    """`reader(workspace_id, lock)`: with `lock`, inside a transaction, no session is dispatched or ended and no entry added until the
    commit. Changing many accounts at once takes this lock first, or two transactions could deadlock."""
    _readers[:] = [reader]


def load(workspace_id: str, *, lock: bool = False) -> Policy:
    return _readers[0](workspace_id, lock)
