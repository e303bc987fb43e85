"""The rules of the allocation hold exactly to their bounds: pools, first rounds, small changes, entries that wait, and money given back."""

from dataclasses import replace
from typing import Any

import pytest

from budget import allocation
from budget.allocation import Row, Snapshot, sharing
from budget.allocation.estimates import Prior, Round
from budget.amounts import usd
from tests.budget.allocation.test_stories import a_round, a_row, after, shared

GOOD = (a_round("1", 0.5),)


def a_snapshot(*rows: Row, **more: Any) -> Snapshot:
    usual = {"total_budget": usd(20), "max_project_spend": usd(30), "spent": usd(1), "held": usd(2)}
    return Snapshot(**usual | {"min_round": usd("0.05"), "round_ceiling": usd(5), "rows": rows} | more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "more", "dollars"),
    [
        ([], {}, 17),
        ([], {"total_budget": usd(40)}, 27),
        ([], {"total_budget": 0}, 27),
        ([], {"spent": usd(19)}, 0),
        ([a_row(budget="5", spent="1", held=usd(1), locked=True)], {}, 14),
        ([a_row(budget="1", spent="3", locked=True)], {}, 17),
        ([a_row(budget="5", locked=True, status="done")], {}, 17),
        ([a_row(budget="5")], {}, 17),
    ],
)
def test_the_pool(rows: list[Row], more: dict[str, int], dollars: int) -> None:
    assert sharing.pool(a_snapshot(*rows, **more)) == usd(dollars)


def test_only_what_can_start_counts_for_an_equal_first_round() -> None:
    idle = [
        a_row("b", budget="0", ready=False),
        a_row("c", budget="0", locked=True),
        a_row("d", budget="0", rounds_left=0),
        a_row("e", budget="0", status="waiting"),
        a_row("f", budget="0", status="done"),
    ]
    assert after(shared(a_row("a", budget="0"), *idle, money="4")) == {"a": 4}
    assert after(shared(a_row("a", budget="0"), a_row("g", budget="0"), *idle, money="4")) == {"a": 2, "g": 2}


def test_a_first_round_is_never_less_than_the_least_one() -> None:
    rows = [a_row(name, budget="0") for name in "abc"]
    assert after(shared(*rows, money="0.12")) == {"a": 0.05, "b": 0.05}


def test_a_first_round_where_the_cost_is_known_is_four_times_the_usual_one() -> None:
    done = a_row("z", budget="1", spent="1", status="done", rounds=GOOD)
    assert after(shared(done, a_row("a", budget="0"), a_row("b", budget="0"), money="8", ceiling="5")) == {"a": 4, "b": 3}
    assert after(shared(done, a_row("a", budget="0"), a_row("b", budget="0"), money="8", ceiling="3")) == {"a": 4, "b": 3}


def test_money_that_pays_no_useful_part_of_a_round_is_kept() -> None:
    done = a_row("z", budget="1", spent="1", status="done", rounds=GOOD)
    kept = shared(done, a_row("a", budget="0"), a_row("b", budget="0", priority=3), money="5.49")
    assert after(kept) == {"a": 4} and kept.unallocated == usd("0.49")
    assert after(shared(done, a_row("a", budget="0"), a_row("b", budget="0", priority=3), money="5.5")) == {"a": 4, "b": 0.5}


def test_what_waits_for_a_person_keeps_what_it_has_and_what_has_no_rounds_left_gives_all_back() -> None:
    done = shared(a_row("a", budget="5", status="waiting"), a_row("b", budget="5", spent="1", rounds_left=0), money="20")
    assert after(done) == {"b": 1} and "all of its rounds are used up" in done.changes[0].reason


def test_what_is_reserved_counts_towards_what_an_entry_needs() -> None:
    running = a_row("a", budget="5", held=usd(3), status="running")
    assert after(shared(running, money="9", plan="9")) == {"a": 9}
    idle = a_row("b", budget="0")
    assert after(shared(running, idle, money="8", plan="8")) == {"b": 3}


def test_no_entry_gets_more_than_a_full_ceiling_for_each_of_its_rounds() -> None:
    assert after(shared(a_row("a", budget="0", ceiling=usd(7)), money="50")) == {"a": 7}
    slow = tuple(a_round("1", 0.02) for _ in range(2))
    assert after(shared(a_row("a", budget="2", spent="2", rounds=slow, rounds_left=1, ceiling=0), money="50")) == {"a": 7}


@pytest.mark.parametrize(("budget", "changed"), [("9.53", False), ("9.52", True), ("10.52", False), ("10.53", True)])
def test_a_change_of_less_than_a_twentieth_is_not_made(budget: str, changed: bool) -> None:
    done = shared(a_row("a", budget=budget, ceiling=usd(10)), money="50", ceiling="5")
    assert bool(after(done)) is changed


@pytest.mark.parametrize(("budget", "changed"), [("0.176", False), ("0.174", True), ("0.224", False), ("0.226", True)])
def test_of_a_small_budget_half_a_least_round_is_no_change(budget: str, changed: bool) -> None:
    done = shared(a_row("a", budget=budget, ceiling=usd("0.2")), money="50", ceiling="0.2")
    assert bool(after(done)) is changed


@pytest.mark.parametrize(("status", "word"), [("done", "it is done"), ("failed", "it failed")])
def test_an_ended_entry_gives_back_what_is_more_than_cents(status: str, word: str) -> None:
    assert after(shared(a_row("a", budget="5", spent="4.75", status=status))) == {}
    done = shared(a_row("a", budget="5", spent="4", held=usd("0.5"), status=status))
    assert after(done) == {"a": 4.5} and done.changes[0].reason == f"Returned $0.50 to the pool: {word}"


def test_a_locked_entry_that_ended_is_neither_changed_nor_named() -> None:
    done = shared(a_row("a", budget="5", locked=True, status="done"), a_row("b", budget="3", locked=True))
    assert (done.changes, [row.account_id for row in done.skipped]) == ((), ["b"])


def test_the_line_is_by_what_can_go_on_then_priority_then_expected_cost_then_age() -> None:
    quick, slow = (a_round("1", 0.8),), (a_round("1", 0.3),)
    rows = [
        a_row("a", budget="1", spent="1", rounds=slow),
        a_row("b", budget="1", spent="1", rounds=quick),
        a_row("c", priority=1),
        a_row("d", priority=0, ready=False),
        a_row("e", priority=0, status="waiting"),
        a_row("g", budget="1", spent="1", rounds=quick),
        a_row("h", budget="1", spent="1", rounds=quick, priority=0),
    ]
    assert shared(*rows).order == ("h", "c", "b", "g", "a", "d", "e")
    twins = [replace(row, seq=1) for row in (a_row("y"), a_row("x"))]
    assert shared(*twins).order == ("x", "y")


def test_an_estimate_of_an_agent_moves_its_entry_in_line() -> None:
    done = a_row("z", budget="1", spent="1", status="done", rounds=GOOD)
    dear, cheap = a_row("a", budget="0", prior=Prior(usd(4), 5)), a_row("b", budget="0", prior=Prior(usd("0.5"), 1))
    assert shared(done, dear, cheap, money="20").order == ("b", "a")


def test_rounds_of_entries_that_ended_before_count_for_the_medians() -> None:
    row = a_row("a", budget="0")
    snapshot = a_snapshot(row, total_budget=usd(7), spent=0, held=0, history=((Round(usd("0.5"), 0.5),),))
    assert allocation.allocate(snapshot).changes[0].reason.startswith("Raised from $0.00 to $7.00")
    other = replace(snapshot, rows=(row, a_row("b", budget="0")), total_budget=usd(4))
    assert after(allocation.allocate(other)) == {"a": 2, "b": 2}


def test_a_plateau_is_by_the_workspaces_own_rules() -> None:
    flat = (a_round("1", 0.3), a_round("1", 0.02))
    snapshot = a_snapshot(a_row("a", budget="2", spent="2", rounds=flat), plateau_rounds=1, plateau_epsilon=0.05)
    assert allocation.allocate(snapshot).changes == ()
    assert allocation.allocate(replace(snapshot, plateau_rounds=2)).changes
    assert allocation.allocate(replace(snapshot, plateau_epsilon=0.02)).changes


@pytest.mark.parametrize(
    ("money", "asks", "given"),
    [
        ("9", [("a", "0", "25"), ("b", "0", "3"), ("c", "0", "25")], {"a": "5", "b": "3", "c": "1"}),
        ("20", [("a", "4", "5"), ("b", "5", "9"), ("c", "9", "9")], {"a": "1", "b": "4"}),
        ("0.04", [("a", "0", "25")], {}),
        ("0.05", [("a", "0", "25")], {"a": "0.05"}),
        ("5.04", [("a", "0", "25"), ("b", "0", "25"), ("c", "0.02", "25")], {"a": "5", "c": "0.04"}),
        ("0", [("a", "0", "25")], {}),
    ],
)
def test_a_round_for_each_comes_before_a_second_one(money: str, asks: list[tuple[str, str, str]], given: dict[str, str]) -> None:
    wishes = [(id_, usd(has), usd(may)) for id_, has, may in asks]
    shared_out = allocation.breadth_first(usd(money), wishes, min_round=usd("0.05"), ceiling=usd(5))
    assert shared_out == {id_: usd(amount) for id_, amount in given.items()}
