"""Four ways to share the same money out: Muster's own function, equal shares, first come first served, and one that knows the curves."""

from bench.steering.world import CEILING, MIN_ROUND, ROUNDS, Run, Truth
from budget import allocation
from budget.allocation import Row, Snapshot


def muster(run: Run) -> None:
    """`allocation.allocate` itself, after each round."""
    snapshot = Snapshot(
        total_budget=run.money,
        max_project_spend=run.money,
        spent=run.spent,
        held=run.held,
        min_round=MIN_ROUND,
        round_ceiling=CEILING,
        rows=tuple(_row(run, n) for n in range(len(run.items))),
    )
    for change in allocation.allocate(snapshot).changes:
        run.items[int(change.account_id)].budget = change.after


def _row(run: Run, number: int) -> Row:
    item = run.items[number]
    return Row(
        id=str(number),
        seq=item.seq,
        priority=item.truth.priority,
        status="open" if item.status == "stuck" else item.status,
        budget=item.budget,
        spent=item.spent,
        held=item.held,
        ceiling=CEILING * ROUNDS,
        rounds_left=ROUNDS - item.rounds_made,
        rounds=tuple(item.rounds),
    )


def equal(run: Run) -> None:
    for item in run.items:
        item.budget = run.money // len(run.items)


def first_come(run: Run) -> None:
    for item in run.items:
        item.budget = CEILING * ROUNDS


def oracle(truths: list[Truth], money: int) -> tuple[int, int]:
    """(solved, spent) by one who knows what each costs to solve, and buys the cheapest first: nobody can solve more."""
    solved = spent = 0
    for price in sorted(item.price for item in truths if item.solves_at):
        if spent + price > money:
            break
        solved, spent = solved + 1, spent + price
    return solved, spent
