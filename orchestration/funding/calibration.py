"""The quality of an agent's estimates: chances by the Brier score, costs by their median relative error, each beside what the workspace's
own medians would have given. Pure. Money in micro-USD."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from budget.allocation.estimates import Prior

ROUNDS = 3  # chances to pass after one, two and three rounds
ENOUGH = 5  # entries with a known outcome, before an agent counts


@dataclass(frozen=True, slots=True)
class Estimate:
    """`chances`: to have passed after 1, 2 and 3 rounds."""

    chances: tuple[float, ...]
    round: int

    @property
    def prior(self) -> Prior:
        """The expected number of rounds: one, and another for each that does not pass; what is open after the third counts twice."""
        first, second, third = self.chances
        return Prior(self.round, 1 + (1 - first) + (1 - second) + 2 * (1 - third))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an entry. `passed_after`: the round that passed; None: none yet. `cost`: the mean of its rounds."""

    rounds: int
    passed_after: int | None
    cost: int

    def after(self, rounds: int) -> bool | None:
        """True if it had passed after so many rounds. None: it has not had them."""
        if self.passed_after is not None:
            return self.passed_after <= rounds
        return False if self.rounds >= rounds else None


@dataclass(frozen=True, slots=True)
class Calibration:
    """`entries`: with an outcome. `brier`, `cost_error`: smaller is better; `usual_*`: of the workspace's medians, on the same entries. Cost errors are None where no round
    has cost anything."""

    entries: int
    brier: float
    usual_brier: float
    cost_error: float | None
    usual_cost_error: float | None

    @property
    def is_comparable(self) -> bool:
        """Medians of few outcomes are those outcomes themselves."""
        return self.entries >= ENOUGH

    @property
    def counts(self) -> bool:
        """True if the allocation uses the agent's estimates."""
        if self.cost_error is None or self.usual_cost_error is None:
            return False
        return self.is_comparable and self.brier < self.usual_brier and self.cost_error < self.usual_cost_error

    @property
    def sentence(self) -> str:
        if self.counts:
            return "Used when money is shared out: better than the workspace's medians."
        if not self.is_comparable:
            return f"Not used yet: {self.entries} of {ENOUGH} outcomes that it takes to tell."
        return "Ignored when money is shared out: no better than the workspace's medians."


def calibrate(pairs: Sequence[tuple[Estimate, Outcome]], outcomes: Sequence[Outcome]) -> Calibration:
    """`outcomes`: of all entries of the workspace, with and without estimates."""
    judged = [(estimate, outcome) for estimate, outcome in pairs if outcome.rounds]
    shares = [_share_passed(outcomes, n) for n in range(1, ROUNDS + 1)]
    usual_cost = median([outcome.cost for outcome in outcomes if outcome.cost > 0] or [0])
    own, usual = list[float](), list[float]()
    for estimate, outcome in judged:
        for n, share in enumerate(shares):
            if (passed := outcome.after(n + 1)) is not None:
                own.append((estimate.chances[n] - passed) ** 2)
                usual.append((share - passed) ** 2)
    paid = [(estimate, outcome) for estimate, outcome in judged if outcome.cost > 0]
    return Calibration(
        len(judged),
        _mean(own),
        _mean(usual),
        _median([abs(estimate.round - outcome.cost) / outcome.cost for estimate, outcome in paid]),
        _median([abs(usual_cost - outcome.cost) / outcome.cost for _, outcome in paid]),
    )


def _share_passed(outcomes: Sequence[Outcome], rounds: int) -> float:
    """Half, where nothing is known."""
    known = [passed for outcome in outcomes if (passed := outcome.after(rounds)) is not None]
    return sum(known) / len(known) if known else 0.5


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
