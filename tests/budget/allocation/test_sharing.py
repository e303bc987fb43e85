"""The money that is left is shared by the same rules for every snapshot, with reasons for people."""

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget import allocation
from budget.allocation import Allocation, Row, Snapshot, estimates
from budget.allocation.estimates import Round
from tests.sampling import examples

DOLLAR = 1_000_000
some_money = st.integers(0, 20 * DOLLAR) | st.sampled_from([0, 1, 49_999, 50_000, 50_001, 5 * DOLLAR])
some_rounds = st.lists(
    st.builds(Round, cost=st.integers(0, 3 * DOLLAR), gain=st.none() | st.floats(-1, 1, allow_nan=False)), max_size=6
)


@st.composite
def rows(draw: st.DrawFn, number: int) -> Row:
    return Row(
        id=f"entry_{number}",
        seq=number,
        priority=draw(st.integers(0, 3)),
        status=draw(st.sampled_from(["open", "open", "open", "running", "waiting", "done", "failed"])),
        budget=draw(some_money),
        spent=draw(some_money),
        held=draw(st.sampled_from([0, 0, 40_000, DOLLAR])),
        ceiling=draw(some_money),
        locked=draw(st.sampled_from([False, False, False, True])),
        ready=draw(st.sampled_from([True, True, False])),
        counted=draw(st.sampled_from([None, None, 0, 2])),
        rounds_left=draw(st.integers(0, 5)),
        rounds=tuple(draw(some_rounds)),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    rows_made = tuple(draw(rows(number)) for number in range(draw(st.integers(0, 8))))
    return Snapshot(
        total_budget=draw(st.integers(0, 90 * DOLLAR)),
        max_project_spend=draw(st.integers(0, 90 * DOLLAR)),
        spent=draw(some_money),
        held=sum(row.held for row in rows_made),
        min_round=draw(st.sampled_from([0, 1, 50_000, DOLLAR])),
        round_ceiling=draw(st.sampled_from([60_000, 5 * DOLLAR])),
        rows=rows_made,
    )


every = settings(max_examples=examples(250), suppress_health_check=list(HealthCheck))


def carried_out(snapshot: Snapshot) -> tuple[Allocation, Snapshot]:
    done = allocation.allocate(snapshot)
    after = {change.account_id: change.after for change in done.changes}
    return done, replace(snapshot, rows=tuple(replace(row, budget=after.get(row.id, row.budget)) for row in snapshot.rows))


def shares(snapshot: Snapshot) -> dict[str, int]:
    """The money left afterwards to each open entry that is not locked, in their line."""
    done, after = carried_out(snapshot)
    left = {row.id: row.left for row in after.rows}
    return {id_: left[id_] for id_ in done.order}


@every
@given(snapshots())
def test_shares_and_remainder_are_the_pool_to_the_micro_dollar(snapshot: Snapshot) -> None:
    done = allocation.allocate(snapshot)
    assert sum(shares(snapshot).values()) + done.unallocated == done.pool and done.unallocated >= 0


@every
@given(snapshots())
def test_locked_rows_stay_as_they_are_and_are_named(snapshot: Snapshot) -> None:
    done, after = carried_out(snapshot)
    locked = {row.id for row in snapshot.rows if row.locked}
    assert [row for row in after.rows if row.locked] == [row for row in snapshot.rows if row.locked]
    assert {skipped.account_id for skipped in done.skipped} == {
        row.id for row in snapshot.rows if row.locked and row.status not in ("done", "failed")
    }
    assert not locked & {change.account_id for change in done.changes}


@every
@given(snapshots())
def test_no_budget_is_set_below_spent_and_held(snapshot: Snapshot) -> None:
    floors = {row.id: row.floor for row in snapshot.rows}
    assert all(change.after >= floors[change.account_id] for change in allocation.allocate(snapshot).changes)


@every
@given(snapshots(), st.integers(0, 30 * DOLLAR))
def test_more_money_never_gives_any_entry_less(snapshot: Snapshot, more: int) -> None:
    """Entry by entry, and so in sum."""
    plan = snapshot.total_budget or snapshot.max_project_spend
    richer = replace(snapshot, total_budget=plan + more, max_project_spend=snapshot.max_project_spend + more)
    before, after = shares(replace(snapshot, total_budget=plan)), shares(richer)
    assert list(before) == list(after) and all(after[id_] >= share for id_, share in before.items())


@every
@given(snapshots())
def test_run_again_it_changes_nothing(snapshot: Snapshot) -> None:
    _, after = carried_out(snapshot)
    assert allocation.allocate(after).changes == ()


@every
@given(snapshots(), st.randoms())
def test_the_order_of_reading_does_not_matter(snapshot: Snapshot, dice: random.Random) -> None:
    shuffled = list(snapshot.rows)
    dice.shuffle(shuffled)
    assert allocation.allocate(replace(snapshot, rows=tuple(shuffled))) == allocation.allocate(snapshot)


@every
@given(snapshots())
def test_every_change_has_a_reason(snapshot: Snapshot) -> None:
    for change in allocation.allocate(snapshot).changes:
        assert change.before != change.after
        assert change.reason.startswith(("Raised from ", "Lowered from ", "Returned ")) and len(change.reason) < 300


def test_a_prior_moves_the_workspaces_medians_by_ten_times_at_most() -> None:
    usual = estimates.Typical(100, 1 / 300, 300, True)
    assert estimates.expected(usual, None) == usual
    assert estimates.expected(usual, estimates.Prior(200, 2)) == estimates.Typical(200, 1 / 400, 400, True)
    assert estimates.expected(usual, estimates.Prior(10**9, 5)).round == 1000
    assert estimates.expected(usual, estimates.Prior(0, 0)).whole == 30
    unknown = estimates.Typical(100, 1 / 300, 300, False)
    assert estimates.expected(unknown, estimates.Prior(200, 2)) == unknown
