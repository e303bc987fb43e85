"""Divides the remaining money among the entries. Pure: no database, no clock; the same snapshot gives the same result, in any order of its
rows.

1. The pool is min(plan, cap) - spent - held - what locked entries have left. A locked entry is never changed, and no budget is set below
   spent + held.
2. Done and failed entries give back what they have left. An entry on a plateau gets no more.
3. The others are funded in order: by priority, then by improvement per dollar (the least money that still finishes an entry); those with
   little expected improvement come last.
   Each gets what it still needs, an entry without rounds about the cost of one round, until the pool is empty.
   Entries that wait for a person or for other entries come after those.
4. When every need is met, the surplus is given in the same order, up to a full ceiling for each round of an entry.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from budget.allocation import estimates, reasons
from budget.allocation.estimates import Outlook, Prior, Round, Typical
from budget.amounts import format_usd

ENDED = ("done", "failed")
MIN_CHANGE_PART = 20  # a change of less than a twentieth (5 %) is not recorded
MIN_CHANGE = (
    500_000  # nor one below $0.50, or below half a minimum round where that is less: else tiny budgets would never change
)
FAR = 1.0  # times the usual cost of a whole entry: an entry that still needs more comes last (docs/explanation/steering.md)


@dataclass(frozen=True, slots=True)
class Row:
    """An account. `status`: open, running, waiting (for a person: it keeps at most what it has), done or failed. Lower `priority`
    and `seq` come first. `ceiling`: a full ceiling for each of its rounds. `ready`: no dependency is missing. `counted`: its
    rounds since a person last restarted it; None: all."""

    id: str
    seq: int
    priority: int
    status: str
    budget: int
    spent: int
    held: int
    ceiling: int
    locked: bool = False
    ready: bool = True
    rounds_left: int = 5
    counted: int | None = None
    rounds: tuple[Round, ...] = ()
    prior: Prior | None = None

    @property
    def floor(self) -> int:
        return self.spent + self.held

    @property
    def left(self) -> int:
        """Micro-USD that may still be reserved."""
        return max(self.budget - self.floor, 0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The money of a workspace. `history`: rounds of ended entries, for the medians. A `total_budget` of 0: no plan, only the cap."""

    total_budget: int
    max_project_spend: int
    spent: int
    held: int
    min_round: int
    round_ceiling: int
    rows: tuple[Row, ...]
    plateau_rounds: int = 3
    plateau_epsilon: float = 0.01
    history: tuple[tuple[Round, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    account_id: str
    before: int
    after: int
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    account_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """`pool`: the money to give; `unallocated`: its rest. `order`: the open entries in the order of funding."""

    changes: tuple[Change, ...]
    skipped: tuple[Skipped, ...]
    pool: int
    unallocated: int
    order: tuple[str, ...]


@dataclass(slots=True)
class _Claim:
    """An open entry: `want` is what it should have left, `full` what it may have left when every need is met."""

    row: Row
    outlook: Outlook
    far: bool
    want: int
    full: int
    useful: int
    given: int = 0


def pool(snapshot: Snapshot) -> int:
    """Micro-USD for entries that are not locked."""
    plan = snapshot.total_budget or snapshot.max_project_spend
    locked = sum(row.left for row in snapshot.rows if row.locked and row.status not in ENDED)
    return max(min(plan, snapshot.max_project_spend) - snapshot.spent - snapshot.held - locked, 0)


def allocate(snapshot: Snapshot) -> Allocation:
    """The changes of budgets, each with its reason."""
    usual = estimates.find_typical(
        [*(row.rounds for row in sorted(snapshot.rows, key=_age)), *snapshot.history],
        min_round=snapshot.min_round,
        max_round=snapshot.round_ceiling,
    )
    free = [row for row in snapshot.rows if not row.locked]
    amount = pool(snapshot)
    first = _first_round(snapshot, amount, usual)
    line = sorted((_claim(row, usual, snapshot, first) for row in free if row.status not in ENDED), key=_sort_key)
    left = _fund(line, amount, snapshot)
    changes = [_funded_change(claim) for claim in line]
    changes += [_returned_change(row, snapshot) for row in sorted(free, key=_age) if row.status in ENDED]
    locked = [row for row in sorted(snapshot.rows, key=_age) if row.locked and row.status not in ENDED]
    return Allocation(
        changes=tuple(change for change in changes if change is not None),
        skipped=tuple(Skipped(row.id, f"Locked at {format_usd(row.budget)} by a person") for row in locked),
        pool=amount,
        unallocated=left,
        order=tuple(claim.row.id for claim in line),
    )


def breadth_first(amount: int, asks: Sequence[tuple[str, int, int]], *, min_round: int, ceiling: int) -> dict[str, int]:
    """Share micro-USD among entries without a budget: first one round's `ceiling` each in their order, then up to the maximum of each.
    `asks`: (id, what it has left, what it may have left). An amount that cannot pay a round of `min_round` is not given.
    """
    given = dict.fromkeys((id_ for id_, _, _ in asks), 0)
    for cap in (ceiling, None):
        for id_, has, may in asks:
            wish = (may if cap is None else min(cap, may)) - has - given[id_]
            gift = min(wish, amount)
            if gift > 0 and has + given[id_] + gift >= min_round:
                given[id_], amount = given[id_] + gift, amount - gift
    return {id_: gift for id_, gift in given.items() if gift}


def _age(row: Row) -> tuple[int, str]:
    return row.seq, row.id


def _first_round(snapshot: Snapshot, amount: int, usual: Typical) -> int:
    """The amount for the first round of an entry without a usual cost: the ceiling, or where the pool does not have that for each, an equal
    part, so that they can start side by side."""
    idle = (*ENDED, "running", "waiting")
    new = sum(row.ready and not row.locked and row.rounds_left > 0 and row.status not in idle for row in snapshot.rows)
    part = snapshot.round_ceiling if usual.known else amount // max(new, 1)
    return max(min(part, snapshot.round_ceiling), min(max(snapshot.min_round, 1), snapshot.round_ceiling))


def _claim(row: Row, usual: Typical, snapshot: Snapshot, first_round: int) -> _Claim:
    ahead = estimates.outlook(
        row.rounds,
        estimates.expected(usual, row.prior),
        counted=row.counted,
        plateau_rounds=snapshot.plateau_rounds,
        plateau_epsilon=snapshot.plateau_epsilon,
    )
    min_round, ceiling = max(snapshot.min_round, 1), snapshot.round_ceiling
    one_round = first_round if not usual.known else min(int(ahead.round * estimates.ROOMY), ceiling)
    useful = max(min(ahead.round, ceiling) // 2, min_round) if usual.known else min_round
    if ahead.stuck or row.rounds_left <= 0:
        want = full = 0
    elif row.status == "waiting":
        want = full = row.left
    else:
        need = one_round if not row.rounds else min(max(ahead.need, one_round), row.rounds_left * ceiling)
        want = max(need - row.held, min_round)
        full = max(row.ceiling - row.floor, want)
    far = bool(row.rounds) and ahead.rank > FAR * usual.whole
    claim = _Claim(row, ahead, far, want, full, min(useful, want))
    _ignore_small_change(claim, snapshot, min_round)
    return claim


def _ignore_small_change(claim: _Claim, snapshot: Snapshot, min_round: int) -> None:
    """Keep the budget where the change is too small, unless it decides whether the entry can continue."""
    row = claim.row
    small, can_continue = _min_change(row, snapshot), row.left >= min_round
    if abs(claim.want - row.left) <= small and (can_continue or claim.want == 0):
        claim.want, claim.full = row.left, max(claim.full, row.left)
    if abs(claim.full - row.left) <= small and can_continue:
        claim.full = max(row.left, claim.want)


def _min_change(row: Row, snapshot: Snapshot) -> int:
    return max(row.budget // MIN_CHANGE_PART, min(MIN_CHANGE, max(snapshot.min_round, 1) // 2))


def _sort_key(claim: _Claim) -> tuple[bool, bool, bool, int, float, int, str]:
    """The order of funding. An entry without rounds ranks as the median. Entries that cannot continue now come last, or they would take
    the money from the entries that they wait for."""
    row = claim.row
    return row.status == "waiting", not row.ready, claim.far, row.priority, claim.outlook.rank, row.seq, row.id


def _fund(line: Iterable[_Claim], amount: int, snapshot: Snapshot) -> int:
    """Give until the amount is used up: each claim is met in full before the next one gets money. Returns the rest."""
    line = list(line)
    for last in (False, True):
        for claim in line:
            wish = (claim.full if last else claim.want) - claim.given
            gift = min(wish, amount)
            whole = gift == wish
            if not last and not whole and gift < claim.useful:
                return amount
            if last and not whole and 0 < claim.given + gift - claim.row.left <= _min_change(claim.row, snapshot):
                gift = max(claim.row.left - claim.given, 0)
            claim.given, amount = claim.given + gift, amount - gift
            if not whole:
                return amount
    return amount


def _funded_change(claim: _Claim) -> Change | None:
    row = claim.row
    if claim.given == row.left:
        return None
    after = row.floor + claim.given
    word = "Raised" if after > row.budget else "Lowered"
    why = reasons.explain(
        claim.outlook, rounds_left=row.rounds_left, has_rounds=bool(row.rounds), want=claim.want, given=claim.given
    )
    return Change(row.id, row.budget, after, f"{word} from {format_usd(row.budget)} to {format_usd(after)}: {why}")


def _returned_change(row: Row, snapshot: Snapshot) -> Change | None:
    if row.left <= _min_change(row, snapshot):
        return None
    how = "is done" if row.status == "done" else "failed"
    return Change(row.id, row.budget, row.floor, f"Returned {format_usd(row.left)} to the pool: it {how}")
