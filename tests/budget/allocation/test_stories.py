"""The allocation decides as expected in cases that a person would ask about."""

from typing import Any

from budget import allocation
from budget.allocation import Row, Snapshot
from budget.allocation.estimates import Round
from budget.amounts import usd


def a_row(name: str = "a", *, budget: str = "5", spent: str = "0", rounds: tuple[Round, ...] = (), **more: Any) -> Row:
    fields = {
        "seq": ord(name[0]),
        "priority": 2,
        "status": "open",
        "held": 0,
        "ceiling": usd(25),
        "rounds_left": 5 - len(rounds),
    } | more
    return Row(id=name, budget=usd(budget), spent=usd(spent), rounds=rounds, **fields)


def a_round(cost: str, gain: float | None) -> Round:
    return Round(usd(cost), gain)


def shared(*rows: Row, money: str = "10", plan: str | None = None, ceiling: str = "5") -> allocation.Allocation:
    return allocation.allocate(
        Snapshot(
            total_budget=usd(money if plan is None else plan),
            max_project_spend=usd(money),
            spent=sum(row.spent for row in rows),
            held=sum(row.held for row in rows),
            min_round=usd("0.05"),
            round_ceiling=usd(ceiling),
            rows=rows,
        )
    )


def after(done: allocation.Allocation) -> dict[str, float]:
    return {change.account_id: change.after / usd(1) for change in done.changes}


def test_without_rounds_all_get_the_same_for_their_first_and_at_most_its_ceiling() -> None:
    rows = a_row("a", budget="0"), a_row("b", budget="0"), a_row("c", budget="0", priority=0)
    short, ample = shared(*rows, money="12"), shared(*rows, money="17")
    assert after(short) == {"c": 4, "a": 4, "b": 4} and "no rounds yet" in short.changes[0].reason
    assert after(ample) == {"c": 7, "a": 5, "b": 5}, "a second round comes after a first one for each"


def test_a_raise_names_the_gain_its_cost_and_the_remaining_need() -> None:
    rounds = (a_round("0.21", 0.2), a_round("0.21", 0.1), a_round("0.21", 0.2))
    rows = a_row("a", budget="0.63", spent="0.63", rounds=rounds), a_row("b", budget="0", rounds=rounds)
    done = shared(*rows, money="1.4", ceiling="0.5")
    sentence = "Raised from $0.63 to $1.30: improved 0.30 for $0.42 in its last two rounds, needs about $0.68 more"
    assert [change.reason for change in done.changes] == [sentence]


def test_what_is_done_gives_back_what_it_has_left_and_a_plateau_gets_no_more() -> None:
    flat = (a_round("0.5", 0.4), a_round("0.5", 0.0), a_round("0.5", -0.1), a_round("0.5", 0.001))
    done = shared(a_row("a", spent="1", status="done"), a_row("b", spent="2", rounds=flat))
    assert after(done) == {"a": 1, "b": 2}
    assert [change.reason for change in done.changes] == [
        "Lowered from $5.00 to $2.00: its last rounds did not improve it, so it gets no more",
        "Returned $4.00 to the pool: it is done",
    ]


def test_what_a_locked_entry_has_left_is_not_in_the_pool() -> None:
    done = shared(a_row("a", budget="6", spent="1", locked=True), a_row("b", budget="0"), money="10")
    assert done.pool == usd(4) and after(done) == {"b": 4}
    assert done.skipped == (allocation.Skipped("a", "Locked at $6.00 by a person"),)


def test_what_improves_for_less_money_comes_first_among_equals() -> None:
    good, poor = (a_round("1", 0.6),), (a_round("1", 0.2),)
    done = shared(a_row("a", budget="1", spent="1", rounds=poor), a_row("b", budget="1", spent="1", rounds=good), money="4")
    assert done.order == ("b", "a") and after(done) == {"b": 3}


def test_an_entry_with_little_expected_gain_comes_last_even_if_it_is_critical() -> None:
    poor, usual = (a_round("1", 0.0),), (a_round("1", 0.9),)
    rows = [a_row(name, budget="1", spent="1", rounds=usual, status="done") for name in "xyz"]
    done = shared(
        *rows, a_row("a", budget="1", spent="1", rounds=poor, priority=0), a_row("b", budget="0", priority=3), money="20"
    )
    assert done.order == ("b", "a")


def test_a_change_of_cents_is_skipped_unless_it_decides_whether_a_round_can_begin() -> None:
    rounds = (a_round("20", 0.9),)
    idle = shared(a_row(budget="24", spent="20", rounds=rounds, ceiling=usd("24.5")), money="24.9", ceiling="5")
    starved = shared(a_row(budget="20", spent="20", rounds=rounds), money="20.5", ceiling="0.2")
    assert idle.changes == () and after(starved) == {"a": 20.5}


def test_plenty_of_money_leaves_everyone_a_full_ceiling_for_each_round() -> None:
    assert shared(a_row("a", budget="25"), a_row("b", budget="25"), money="1000").changes == ()


def test_without_a_plan_the_cap_alone_binds() -> None:
    assert shared(a_row(budget="0"), money="7", plan="0").pool == usd(7)


def test_a_budget_of_ones_own_is_shared_breadth_first() -> None:
    asks = [("a", 0, usd(25)), ("b", 0, usd(25)), ("c", 0, usd(25))]
    assert allocation.breadth_first(usd(9), asks, min_round=usd("0.05"), ceiling=usd(5)) == {"a": usd(5), "b": usd(4)}
    assert allocation.breadth_first(usd(40), asks, min_round=1, ceiling=usd(5)) == {"a": usd(25), "b": usd(10), "c": usd(5)}


def test_what_an_entry_has_counts_towards_its_least_round() -> None:
    asks = [("a", usd("0.03"), usd(25)), ("b", 0, usd(25))]
    assert allocation.breadth_first(usd("0.02"), asks, min_round=usd("0.05"), ceiling=usd(5)) == {"a": usd("0.02")}


def test_what_cannot_start_comes_after_what_can_whatever_its_priority() -> None:
    rows = a_row("a", priority=0, ready=False), a_row("b", priority=3), a_row("c", priority=0, status="waiting"), a_row("d")
    assert shared(*rows).order == ("d", "b", "a", "c")
