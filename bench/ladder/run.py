"""A route of three steps against each of its agents alone, on 60 entries whose difficulty is known: what a landed entry costs.

`python -m bench ladder [--seeds N] [--from SEED] [--real]`. Each entry has a difficulty, each agent an ability and a price: it solves what is not beyond its ability,
in some rounds, and shows a plateau otherwise. The rules of Muster itself decide when a step is over (`backlog.rules`). The prices and abilities are
guesses, the rounds of the steps were chosen on seeds from 1000 on; what is reported are the seeds from 0. No database, no network; seconds. `--real`: the first backlog through a whole Muster.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from orchestration.backlog.rules import route_steps, transitions
from orchestration.backlog.rules.transitions import Facts

ENTRIES, ROUNDS = 60, 8
MICRO = 1_000_000


@dataclass(frozen=True)
class Agent:
    """`ability`: the most difficult entry that it solves, 0 to 1. `price`: of a usual round, in dollars. `pace`: its chance to solve in a round what
    it can solve."""

    name: str
    ability: float
    price: float
    pace: float


CHEAP, MIDDLE, STRONG = Agent("cheap", 0.5, 0.06, 0.6), Agent("middle", 0.75, 0.25, 0.6), Agent("strong", 0.97, 0.9, 0.65)
Route = Sequence[tuple[Agent, int]]
ROUTES: dict[str, Route] = {
    "cheap alone": [(CHEAP, ROUNDS)],
    "middle alone": [(MIDDLE, ROUNDS)],
    "strong alone": [(STRONG, ROUNDS)],
    "cheap 2 > middle 2 > strong": [(CHEAP, 2), (MIDDLE, 2), (STRONG, ROUNDS)],
}
LADDER = list(ROUTES)[-1]


@dataclass(frozen=True)
class Truth:
    """The results of each agent on an entry: the round that passes (0: none), and the cost and gain of each of its rounds."""

    solves_at: dict[str, int]
    costs: dict[str, tuple[int, ...]]
    gains: dict[str, tuple[float, ...]]


@dataclass
class Outcome:
    landed: int = 0
    spent: int = 0

    @property
    def price(self) -> float:
        """Dollars for each landed entry."""
        return self.spent / MICRO / max(self.landed, 1)


def backlog(seed: int) -> list[Truth]:
    dice = random.Random(f"ladder:{seed}")
    return [_truth(dice, dice.betavariate(1.6, 2.0)) for _ in range(ENTRIES)]


def _truth(dice: random.Random, difficulty: float) -> Truth:
    solves_at, costs, gains = {}, {}, {}
    for agent in (CHEAP, MIDDLE, STRONG):
        is_able = difficulty <= agent.ability + dice.gauss(0, 0.06)
        passes = (n for n in range(1, ROUNDS + 1) if dice.random() < agent.pace)
        solves_at[agent.name] = next(passes, 0) if is_able else 0
        costs[agent.name] = tuple(int(agent.price * MICRO * dice.lognormvariate(0, 0.4)) for _ in range(ROUNDS))
        gains[agent.name] = tuple(max(dice.gauss(0.15 if is_able else 0.05 * 0.3**n, 0.02), 0.0) for n in range(ROUNDS))
    return Truth(solves_at, costs, gains)


def play(truths: Sequence[Truth], route: Route) -> Outcome:
    """Each entry for itself: money is not short, so none waits for another."""
    outcome = Outcome()
    for truth in truths:
        landed, spent = _entry(truth, route)
        outcome.landed, outcome.spent = outcome.landed + landed, outcome.spent + spent
    return outcome


def _entry(truth: Truth, route: Route) -> tuple[bool, int]:
    step = made = on_step = spent = 0
    gains: list[float] = []
    done_by: dict[str, int] = {}
    while True:
        agent, most = route[step]
        its_round = done_by.get(agent.name, 0)
        spent, made, on_step, done_by[agent.name] = (
            spent + truth.costs[agent.name][its_round],
            made + 1,
            on_step + 1,
            its_round + 1,
        )
        gains.append(truth.gains[agent.name][its_round])
        if done_by[agent.name] == truth.solves_at[agent.name]:
            return True, spent
        facts = Facts("failed", "", made, ROUNDS, 0, 10**9, 1, improvements=gains, has_next_step=step + 1 < len(route))
        following = transitions.after(facts)
        if route_steps.is_over(facts, failure="", rounds=on_step, most=most):
            step, on_step, gains = step + 1, 0, []
        if following.status != "pending":
            return False, spent


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench ladder", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--real", action="store_true", help="one backlog through a whole Muster, minutes")
    asked = parser.parse_args(args)
    if asked.real:
        from bench.ladder import real  # only now: it loads Muster

        truths = backlog(asked.first)
        return real.report(truths, {name: play(truths, route) for name, route in ROUTES.items()})
    outcomes: dict[str, list[Outcome]] = {name: [] for name in ROUTES}
    for seed in range(asked.first, asked.first + asked.seeds):
        truths = backlog(seed)
        for name, route in ROUTES.items():
            outcomes[name].append(play(truths, route))
    print(f"{asked.seeds} backlogs of {ENTRIES} entries, seeds {asked.first} to {asked.first + asked.seeds - 1}\n")
    print("| route | landed | spent | a landed entry costs | against the ladder, backlog by backlog |\n|---|---|---|---|---|")
    for name, its in outcomes.items():
        ratio = [one.price / ladder.price for one, ladder in zip(its, outcomes[LADDER], strict=True)]
        against = "" if name == LADDER else f"{fmean(ratio):.2f} times ({min(ratio):.2f} to {max(ratio):.2f})"
        landed, spent = fmean(one.landed for one in its), fmean(one.spent for one in its) / MICRO
        print(f"| {name} | {landed:.1f} | ${spent:.2f} | ${fmean(one.price for one in its):.3f} | {against} |")
    return 0
