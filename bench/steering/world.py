"""Backlogs whose true cost curves are known, and the dispatcher's rules played over them: what is spent, what is solved. No database."""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from budget.allocation.estimates import Round
from orchestration.executor.cycle_budget import Claim, CycleBudget

MICRO = 1_000_000
ENTRIES, ROUNDS, WORKERS = 40, 8, 4
CEILING, MIN_ROUND = int(1.5 * MICRO), int(0.05 * MICRO)
PLATEAU_ROUNDS, PLATEAU_EPSILON = 3, 0.01


@dataclass(frozen=True)
class Truth:
    """What an entry would do if it were let: each round's cost and the score it reaches. `solves_at`: the round that passes, 0: none."""

    kind: str
    priority: int
    costs: tuple[int, ...]
    scores: tuple[float, ...]
    seconds: tuple[float, ...]
    solves_at: int

    @property
    def price(self) -> int:
        """What it costs to solve, when nothing is cut short."""
        return sum(self.costs[: self.solves_at])


@dataclass
class Item:
    """An entry on its way."""

    seq: int
    truth: Truth
    budget: int = 0
    spent: int = 0
    held: int = 0
    status: str = "open"
    rounds_made: int = 0
    begun: int = 0
    best: float = 0.0
    rounds: list[Round] = field(default_factory=list)

    @property
    def headroom(self) -> int:
        return self.budget - self.spent - self.held


@dataclass
class Run:
    """A backlog being worked on. `log`: (began, ended, cost, held) of each session, in seconds; `clock` and `spent` as they move.
    `shares`: budgets are shares of the plan, which say who goes first; else they are limits."""

    items: list[Item]
    money: int
    clock: float = 0.0
    spent: int = 0
    held: int = 0
    shares: bool = False
    log: list[tuple[float, float, int, int]] = field(default_factory=list)

    @property
    def solved(self) -> int:
        return sum(item.status == "done" for item in self.items)

    @property
    def wasted(self) -> int:
        return sum(item.spent for item in self.items if item.status != "done")


Steer = Callable[[Run], None]


def play(truths: list[Truth], money: int, steer: Steer, *, shares: bool = False, recorder: Steer = lambda run: None) -> Run:
    """Work until nothing can start. `steer` sets budgets, before the first round and after each one; `watch` only looks."""
    run = Run([Item(seq, truth) for seq, truth in enumerate(truths, start=1)], money, shares=shares)
    going: list[tuple[float, int, float, int, bool]] = []
    steer(run)
    while True:
        _dispatch(run, going)
        if not going:
            return run
        ended, seq, began, cost, whole = heapq.heappop(going)
        run.clock = ended
        run.log.append((began, ended, cost, run.items[seq - 1].held))
        _settle(run, run.items[seq - 1], cost, whole)
        steer(run)
        recorder(run)


def _dispatch(run: Run, going: list[tuple[float, int, float, int, bool]]) -> None:
    """The executor's order and its reservations: those with money, then those that have rounds, then priority, then age."""
    ready = sorted((i for i in run.items if i.status == "open"), key=lambda i: (i.rounds_made == 0, i.truth.priority, i.seq))
    line = sorted(ready, key=lambda i: i.headroom < MIN_ROUND) if run.shares else [i for i in ready if i.headroom >= MIN_ROUND]
    cycle_budget = _cycle_budget(run, WORKERS - len(going), line)
    for item in line:
        claim = Claim(item.headroom, is_share=run.shares, least=MIN_ROUND)
        if len(going) >= WORKERS:
            return
        if cycle_budget.left(claim) < cycle_budget.needed(claim):
            continue
        hold = cycle_budget.first_reservation(claim, ceiling=CEILING)
        cycle_budget.take(claim, hold)
        requested = item.truth.costs[item.rounds_made] - item.begun
        cost, whole = min(requested, hold), requested <= hold
        item.status, item.held, run.held = "running", hold, run.held + hold
        item.budget = max(item.budget, item.spent + hold)
        seconds = item.truth.seconds[item.rounds_made] * cost / item.truth.costs[item.rounds_made]
        heapq.heappush(going, (run.clock + seconds, item.seq, run.clock, cost, whole))


def _cycle_budget(run: Run, free: int, line: Sequence[Item]) -> CycleBudget:
    left = run.money - run.spent - run.held
    at_work = sum(max(item.headroom, 0) for item in run.items if item.status == "running") if run.shares else 0
    costs = [round_.cost for item in run.items for round_ in item.rounds if round_.gain is not None]
    usual = max(min(int(median(costs)), CEILING), MIN_ROUND) if costs else MIN_ROUND
    cycle_budget = CycleBudget(left, left, left - at_work, run.held, at_work, 0, usual, CEILING, steered=run.shares)
    starts = line[:free]
    if sum(CEILING if run.shares else min(item.headroom, CEILING) for item in starts) > min(left, left - at_work):
        cycle_budget.share_among(len(starts))
    return cycle_budget


def _settle(run: Run, item: Item, cost: int, whole: bool) -> None:
    """A round cut short by its hold keeps its work, less a tenth: the next one begins with what is missing."""
    run.held, item.held = run.held - item.held, 0
    run.spent, item.spent = run.spent + cost, item.spent + cost
    item.status = "open"
    if not whole:
        item.begun += int(cost * 0.9)
        item.rounds.append(Round(cost, None))
        return
    score = item.truth.scores[item.rounds_made]
    item.rounds.append(Round(cost, score - item.best))
    item.best, item.begun, item.rounds_made = max(item.best, score), 0, item.rounds_made + 1
    last = [one.gain or 0.0 for one in item.rounds if one.gain is not None][-PLATEAU_ROUNDS:]
    if item.rounds_made == item.truth.solves_at:
        item.status = "done"
    elif item.rounds_made >= ROUNDS:
        item.status = "failed"
    elif len(last) == PLATEAU_ROUNDS and max(last) < PLATEAU_EPSILON:
        item.status = "stuck"


def backlog(seed: int, family: str) -> list[Truth]:
    """A backlog by its seed. `steady`: progress is even; `late`: hard entries show nothing at first, plateaus look good until they end."""
    dice = random.Random(f"{family}:{seed}")
    kinds = dice.choices(("easy", "hard", "plateau", "hopeless"), (35, 30, 20, 15), k=ENTRIES)
    return [_truth(dice, kind, family) for kind in kinds]


def _truth(dice: random.Random, kind: str, family: str) -> Truth:
    usual = dice.lognormvariate(-0.9, 0.5) * (1.3 if kind == "hard" else 1.0)  # dollars a round
    growth = 1.1 if family == "late" else 1.0
    costs = [int(MICRO * min(max(usual * growth**n * dice.lognormvariate(0, 0.3), 0.06), 1.45)) for n in range(ROUNDS)]
    seconds = [max(cost / MICRO * 1500 * dice.lognormvariate(0, 0.3), 30.0) for cost in costs]
    solves_at = {"easy": dice.choice((1, 2)), "hard": dice.randint(3, 6)}.get(kind, 0)
    scores = _late(dice, kind, solves_at) if family == "late" else _steady(dice, kind, solves_at)
    priority = dice.choices((0, 1, 2, 3), (10, 25, 45, 20))[0]
    return Truth(kind, priority, tuple(costs), tuple(scores), tuple(seconds), solves_at)


def _steady(dice: random.Random, kind: str, solves_at: int) -> list[float]:
    if solves_at:
        steps = [dice.uniform(0.6, 1.4) for _ in range(solves_at)]
        return [min(_wobble(dice, sum(steps[: n + 1]) / sum(steps), 0.03), 0.98) for n in range(solves_at - 1)] + [1.0] * ROUNDS
    top, reached = (dice.uniform(0.5, 0.85), dice.randint(1, 3)) if kind == "plateau" else (dice.uniform(0.0, 0.25), 1)
    return [_wobble(dice, top * min((n + 1) / reached, 1.0), 0.015) for n in range(ROUNDS)]


def _late(dice: random.Random, kind: str, solves_at: int) -> list[float]:
    if solves_at:
        turn = solves_at * 0.6
        curve = [1 / (1 + 2.718 ** (-2.2 * (n + 1 - turn))) for n in range(solves_at)]
        return [min(_wobble(dice, item, 0.02), 0.98) for item in curve[:-1]] + [1.0] * ROUNDS
    top, reached = (dice.uniform(0.7, 0.95), dice.randint(2, 4)) if kind == "plateau" else (dice.uniform(0.0, 0.3), 2)
    return [_wobble(dice, top * (1 - 0.4 ** ((n + 1) * 2 / reached)), 0.02) for n in range(ROUNDS)]


def _wobble(dice: random.Random, score: float, by: float) -> float:
    return min(max(score + dice.gauss(0, by), 0.0), 0.99)
