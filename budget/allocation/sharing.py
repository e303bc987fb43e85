"""Who gets the money that is left. Pure: no database, no clock; the same snapshot gives the same answer, in whatever order it is read.

1. The pool is min(plan, cap) - spent - held - what locked entries have left. A locked entry is never touched, nobody is set below spent + held.
2. What is done or failed gives back what it has left. What is on a plateau gets no more.
3. The others stand in line: priority, then improvement per dollar, as the least money that still finishes an entry; those from which
   little is to be expected come after all others.
   Each gets what it still needs, an entry without rounds about one round's worth, until the pool is empty.
   What waits for a person or for other entries comes at the very end.
4. If every need is met, what is left over goes down the same line, up to a full ceiling for each of its rounds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from budget.allocation import estimates, reasons
from budget.allocation.estimates import Outlook, Round, Typical
from budget.amounts import format_usd

ENDED = ("done", "failed")
SMALL_PART = 20  # a change of less than a twentieth (5 %) is not worth a line in the books
SMALL = 500_000  # nor one below $0.50, or half a least round where that is less: else tiny budgets would never change
FAR = 1.0  # times what a whole entry usually costs: what still needs more than that comes after everyone else (docs/explanation/steering.md)


@dataclass(frozen=True, slots=True)
class Row:
    """An account as it is. `status`: open, running, waiting (for a person: it keeps what it has, at most), done or failed. Lower `priority`
    and `seq` come first. `most`: a full ceiling for each of its rounds. `ready`: nothing that it depends on is missing. `counted`: its
    rounds since a person last let it begin anew; None: all."""

    id: str
    seq: int
    priority: int
    status: str
    budget: int
    spent: int
    held: int
    most: int
    locked: bool = False
    ready: bool = True
    rounds_left: int = 5
    counted: int | None = None
    rounds: tuple[Round, ...] = ()

    @property
    def floor(self) -> int:
        return self.spent + self.held

    @property
    def left(self) -> int:
        """What it may still have held."""
        return max(self.budget - self.floor, 0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The money of a workspace. `history`: rounds of entries that ended, for what is usual. A `total_budget` of 0: no plan, the cap binds."""

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
    """`pool`: what there was to give; `unallocated`: what nobody got. `order`: the open entries as they stand in line."""

    changes: tuple[Change, ...]
    skipped: tuple[Skipped, ...]
    pool: int
    unallocated: int
    order: tuple[str, ...]


@dataclass(slots=True)
class _Asking:
    """An entry in line: `want` is what it should have left, `full` what it may have left when there is plenty."""

    row: Row
    outlook: Outlook
    far: bool
    want: int
    full: int
    useful: int
    given: int = 0


def pool(snapshot: Snapshot) -> int:
    """What may be given to entries that are not locked."""
    plan = snapshot.total_budget or snapshot.max_project_spend
    locked = sum(row.left for row in snapshot.rows if row.locked and row.status not in ENDED)
    return max(min(plan, snapshot.max_project_spend) - snapshot.spent - snapshot.held - locked, 0)


def allocate(snapshot: Snapshot) -> Allocation:
    """The changes that the workspace's money asks for, each with its reason."""
    usual = estimates.typical(
        [*(row.rounds for row in sorted(snapshot.rows, key=_age)), *snapshot.history],
        least=snapshot.min_round,
        most=snapshot.round_ceiling,
    )
    free = [row for row in snapshot.rows if not row.locked]
    line = sorted((_asking(row, usual, snapshot) for row in free if row.status not in ENDED), key=_place)
    amount = pool(snapshot)
    left = _fund(line, amount, snapshot)
    changes = [_given(asking) for asking in line]
    changes += [_returned(row, snapshot) for row in sorted(free, key=_age) if row.status in ENDED]
    locked = [row for row in sorted(snapshot.rows, key=_age) if row.locked and row.status not in ENDED]
    return Allocation(
        changes=tuple(change for change in changes if change is not None),
        skipped=tuple(Skipped(row.id, f"Locked at {format_usd(row.budget)} by a person") for row in locked),
        pool=amount,
        unallocated=left,
        order=tuple(asking.row.id for asking in line),
    )


def breadth_first(amount: int, asks: Sequence[tuple[str, int, int]], *, least: int, most: int) -> dict[str, int]:
    """Share micro-USD among entries without a budget: a round's ceiling (`most`) each in their order, then up to what each may have in all.
    `asks`: (id, what it has left, what it may have left). What cannot pay a `least` round is given to nobody.
    """
    given = dict.fromkeys((id_ for id_, _, _ in asks), 0)
    for cap in (most, None):
        for id_, has, may in asks:
            wish = (may if cap is None else min(cap, may)) - has - given[id_]
            gift = min(wish, amount)
            if gift > 0 and has + given[id_] + gift >= least:
                given[id_], amount = given[id_] + gift, amount - gift
    return {id_: gift for id_, gift in given.items() if gift}


def _age(row: Row) -> tuple[int, str]:
    return row.seq, row.id


def _asking(row: Row, usual: Typical, snapshot: Snapshot) -> _Asking:
    ahead = estimates.outlook(
        row.rounds,
        usual,
        counted=row.counted,
        plateau_rounds=snapshot.plateau_rounds,
        plateau_epsilon=snapshot.plateau_epsilon,
    )
    least, ceiling = max(snapshot.min_round, 1), snapshot.round_ceiling
    one_round = ceiling if not usual.known else min(int(ahead.round * estimates.ROOMY), ceiling)
    useful = max(min(ahead.round, ceiling) // 2, least) if usual.known else least
    if ahead.stuck or row.rounds_left <= 0:
        want = full = 0
    elif row.status == "waiting":
        want = full = row.left
    else:
        need = one_round if not row.rounds else min(max(ahead.need, one_round), row.rounds_left * ceiling)
        want = max(need - row.held, least)
        full = max(row.most - row.floor, want)
    far = bool(row.rounds) and ahead.rank > FAR * usual.whole
    asking = _Asking(row, ahead, far, want, full, min(useful, want))
    _stick(asking, snapshot, least)
    return asking


def _stick(asking: _Asking, snapshot: Snapshot, least: int) -> None:
    """A change too small to be worth a line is no change, unless it decides whether the entry can go on."""
    row = asking.row
    small, can_go_on = _small(row, snapshot), row.left >= least
    if abs(asking.want - row.left) <= small and (can_go_on or asking.want == 0):
        asking.want, asking.full = row.left, max(asking.full, row.left)
    if abs(asking.full - row.left) <= small and can_go_on:
        asking.full = max(row.left, asking.want)


def _small(row: Row, snapshot: Snapshot) -> int:
    return max(row.budget // SMALL_PART, min(SMALL, max(snapshot.min_round, 1) // 2))


def _place(asking: _Asking) -> tuple[bool, bool, bool, int, float, int, str]:
    """Its place in line. An entry without rounds is as good as what is usual. What cannot go on now comes last, or it would keep the money
    from what it waits for."""
    row = asking.row
    return row.status == "waiting", not row.ready, asking.far, row.priority, asking.outlook.rank, row.seq, row.id


def _fund(line: Iterable[_Asking], amount: int, snapshot: Snapshot) -> int:
    """Give until it is empty: nobody gets anything before all ahead of them have all of it. Answers what is left."""
    line = list(line)
    for last in (False, True):
        for asking in line:
            wish = (asking.full if last else asking.want) - asking.given
            gift = min(wish, amount)
            whole = gift == wish
            if not last and not whole and gift < asking.useful:
                return amount
            if last and not whole and 0 < asking.given + gift - asking.row.left <= _small(asking.row, snapshot):
                gift = max(asking.row.left - asking.given, 0)
            asking.given, amount = asking.given + gift, amount - gift
            if not whole:
                return amount
    return amount


def _given(asking: _Asking) -> Change | None:
    row = asking.row
    if asking.given == row.left:
        return None
    after = row.floor + asking.given
    word = "Raised" if after > row.budget else "Lowered"
    why = reasons.why(asking.outlook, rounds_left=row.rounds_left, begun=bool(row.rounds), want=asking.want, given=asking.given)
    return Change(row.id, row.budget, after, f"{word} from {format_usd(row.budget)} to {format_usd(after)}: {why}")


def _returned(row: Row, snapshot: Snapshot) -> Change | None:
    if row.left <= _small(row, snapshot):
        return None
    how = "is done" if row.status == "done" else "failed"
    return Change(row.id, row.budget, row.floor, f"Returned {format_usd(row.left)} to the pool: it {how}")
