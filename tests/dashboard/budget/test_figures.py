"""The figures of the pages of money, each by itself and beside another workspace."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget import limits
from budget.amounts import usd
from budget.categories import CATEGORIES, LABELS, Scope
from budget.forecast import Forecast
from budget.limits import LimitStatus, caps
from budget.models import Account, Hold, RoundSpend
from dashboard.budget import by_entry, overview
from dashboard.budget import limits as limit_pages
from dashboard.budget.by_entry import Worth
from dashboard.budget.overview import Figures
from orchestration.backlog import deletion
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    a_charge(an_entry(a_workspace(name="Other"), budget="9"), "8")
    return a_workspace(cap="20", budget="30")


def listed(shop: Workspace, **query: str) -> dict[str, Any]:
    return by_entry.entry_budgets(page_request(shop, **query))


def seqs(shown: dict[str, Any]) -> list[int]:
    return [row["entry"].seq for row in shown["budgets"]]


# By entry


def test_filters_orders_and_totals_of_the_entries(shop: Workspace) -> None:
    single, two, three, gone = (an_entry(shop, budget=budget, content=f"do {budget}") for budget in ("3", "1", "2", "7"))
    for entry, amount in ((single, "1"), (two, "1.5"), (gone, "2")):
        a_charge(entry, amount)
    caps.toggle_lock(single.account, by=ANA)
    Account.objects.filter(pk=three.pk).update(own_budget=False)
    Hold.objects.create(project=project(shop), account=three.account, session_ref="s", amount=usd("0.5"))
    deletion.delete_all([gone], by=ANA)
    for query, matches in (
        ({}, [1, 2, 3]), ({"sort": "-seq"}, [3, 2, 1]), ({"sort": "budget"}, [2, 3, 1]), ({"sort": "-spent"}, [2, 1, 3]),
        ({"sort": "left"}, [2, 3, 1]), ({"over": "1"}, [2]), ({"locked": "1"}, [1]), ({"none": "1"}, [3]), ({"q": "do 2"}, [3]),
        ({"q": "#2"}, [2]), ({"q": "3"}, [1, 3]), ({"locked": "1", "over": "1"}, []),
    ):  # fmt: skip
        assert seqs(listed(shop, **query)) == matches, query
    everything, locked = listed(shop), listed(shop, locked="1")
    assert everything["totals"] | {"allocated": 0} == {
        "entries": 3, "budget": usd(6), "spent": usd("2.5"), "held": usd("0.5"), "left": usd(3), "allocated": 0}  # fmt: skip
    assert locked["totals"] == {"entries": 1, "budget": usd(3), "spent": usd(1), "held": 0, "left": usd(2)}
    given = usd(3) + usd("1.5") + usd(2) + usd(2)
    for shown in (everything, locked):
        assert (shown["allocated"], shown["unallocated"], shown["excess"]) == (given, usd(30) - given, "")
    assert not everything["filtered"] and locked["filtered"]
    assert [listed(shop, **query)["good_news"] for query in ({"over": "1"}, {"over": "1", "q": "x"}, {})] == [True, False, False]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("worth", "per_round", "per_hundredth"),
    [(Worth(), None, None), (Worth(3, 100, 0.5), 33, 2), (Worth(2, 100, 0.0), 50, None), (Worth(1, 100, -0.5), 100, None)],
)
def test_a_gain_has_its_price(worth: Worth, per_round: int | None, per_hundredth: int | None) -> None:
    assert (worth.per_round, worth.per_hundredth) == (per_round, per_hundredth)


def test_only_what_improved_counts_as_gained_and_all_rounds_as_paid(shop: Workspace) -> None:
    entry = an_entry(shop, budget="9")
    for number, gain in ((1, 0.5), (2, -0.2), (3, 0.25), (4, None)):
        a_charge(entry, "1", round=number)
        RoundSpend.objects.filter(account_id=entry.pk, number=number).update(improvement_score=gain)
    assert by_entry.worth_of([entry.pk]) == {entry.pk: Worth(4, usd(4), 0.75)}


@pytest.mark.parametrize(
    ("cap", "plan", "name", "left"),
    [("20", "30", "the cap", 15), ("30", "20", "the total budget", 15), ("20", "20", "the cap", 15), ("20", "0", "the cap", 15)],
)
def test_what_binds_every_entry_is_the_tighter_of_cap_and_plan(cap: str, plan: str, name: str, left: int) -> None:
    shop = a_workspace(cap=cap, budget=plan)
    entry = an_entry(shop, budget="9")
    a_charge(entry, "3")
    Hold.objects.create(project=project(shop), account=entry.account, session_ref="s", amount=usd(2))
    assert by_entry.parent_limit(project(shop)) == (name, usd(left))


def test_a_row_names_what_binds_it_and_who_changed_it_last(shop: Workspace) -> None:
    free, large, share = an_entry(shop, budget="2"), an_entry(shop, budget="50"), an_entry(shop, budget="1")
    Account.objects.filter(pk=share.pk).update(own_budget=False)
    caps.edit(free.account, usd(3), by=ANA)
    caps.edit(free.account, usd(4), by=ANA, reason="more")
    rows = {row["entry"].pk: row for row in listed(shop)["budgets"]}
    shown = {pk: (row["left"], row["bound_by"], row["parent_left"]) for pk, row in rows.items()}
    assert shown == {
        free.pk: (usd(4), "", usd(20)),
        large.pk: (usd(20), "the cap", usd(20)),
        share.pk: (usd(1), "the cap", usd(20)),
    }
    assert rows[free.pk]["change"].reason == "more" and rows[large.pk]["change"] is None


# The overview


def figures(shop: Workspace, role: Role = Role.ADMIN, **query: str) -> Figures:
    return Figures(page_request(shop, role=role, **query))


def test_the_entries_that_spent_most_come_first_then_by_number(shop: Workspace) -> None:
    created = [an_entry(shop, budget="9") for _ in range(4)]
    for entry, amount in zip(created[:3], ("1", "3", "1"), strict=True):
        a_charge(entry, amount)
    assert [entry.seq for entry, _ in overview.top(figures(shop))["top"]] == [2, 1, 3]


def test_limits_are_named_without_the_cap_and_the_reached_ones_first_of_all(shop: Workspace) -> None:
    a_charge(None, "2", category="expansion", in_=shop)
    caps.set_limit(project(shop), "expansion", "all", usd(2), by=ANA)
    caps.set_limit(project(shop), "total", "day", usd(5), by=ANA)
    shown = overview.caps(figures(shop))
    assert [name for name, _ in shown["limits"]] == [
        limit_pages.limit_name(status) for status in figures(shop).other_limits] and len(shown["limits"]) == 3  # fmt: skip
    assert [words for words, _ in overview.summary(figures(shop))["limits_reached"]] == ["the limit of $2.00 for expansion"]
    assert (shown["reached"], shown["unallocated"]) == (False, usd(30))
    a_charge(None, "18", category="orchestrator", in_=shop)
    assert overview.caps(figures(shop))["reached"] and overview.summary(figures(shop))["left"] == 0


def test_the_newest_changes_are_shown_and_the_last_allocation_is_found_among_more(shop: Workspace) -> None:
    for n in range(12):
        source = caps.Source.ALLOCATION if n == 1 else caps.Source.HUMAN
        caps.set_project(project(shop), "total_budget", usd(n + 1), by=ANA, reason=f"r{n}", source=source)
    assert [row["change"].reason for row in overview.log(figures(shop))["log"]] == [f"r{n}" for n in range(11, 1, -1)]
    assert overview.allocation(figures(shop))["last"].reason == "r1"
    assert not overview.allocation(figures(shop, Role.BUDGET))["may_admin"] and overview.allocation(figures(shop))["may_admin"]


def test_only_changes_of_the_whole_project_are_marked_in_the_chart(shop: Workspace) -> None:
    caps.set_project(project(shop), "total_budget", usd(7), by=ANA, reason="less")
    caps.edit(an_entry(shop).account, usd(3), by=ANA)
    [mark] = overview.over_time(figures(shop))["marks"]
    assert mark.text == "ana set total budget from $30.00 to $7.00: less"


@pytest.mark.parametrize(
    ("forecast", "hours"),
    [
        (Forecast(False, "x"), 2),
        (Forecast(True, ""), 2),
        (Forecast(True, "", cap_at="now", paused=True), 2),  # type: ignore[arg-type]
        (Forecast(True, "", cap_at=1, cap_until=2), 2.3),  # type: ignore[arg-type]
        (Forecast(True, "", cap_at=3), 3.45),  # type: ignore[arg-type]
        (Forecast(True, "", cap_at=1, cap_until=99), 5),  # type: ignore[arg-type]
        (Forecast(True, "", cap_at=1, cap_until=1), 2),  # type: ignore[arg-type]
    ],
)
def test_the_chart_reaches_as_far_as_the_cap_at_most_half_of_the_past(shop: Workspace, forecast: Forecast, hours: float) -> None:
    seen = figures(shop)
    at = {
        name: seen.at + timedelta(hours=value)
        for name in ("cap_at", "cap_until")
        if isinstance(value := getattr(forecast, name), int)
    }
    moved = Forecast(forecast.enough, "", paused=forecast.paused, **{"cap_at": seen.at if forecast.paused else None} | at)
    assert overview._ahead(moved, timedelta(hours=10), seen) == timedelta(hours=hours)


def test_categories_have_their_shares_limits_and_days(shop: Workspace) -> None:
    a_charge(an_entry(shop), "3")
    a_charge(None, "1", category="expansion", in_=shop)
    a_charge(None, "2", category="expansion", in_=shop, at=now() - timedelta(days=3))
    caps.set_limit(project(shop), "expansion", "day", usd(5), by=ANA)
    rows = overview.by_category(figures(shop))["categories"]
    expansion = next(row for row in rows if row["label"] == LABELS["expansion"])
    assert (expansion["spent"], expansion["day"], [status.period for status in expansion["limits"]]) == ("$3.00", usd(1), ["day"])
    assert [row["amount"] for row in rows].count(0) == len(CATEGORIES) - 2 and sum(row["amount"] for row in rows) == usd(6)


# Limits


@pytest.mark.parametrize(
    ("status", "amount", "words"),
    [
        (LimitStatus("entry", "day", None, 20_000, 10_000, "Stops."), 20_000, "$0.02 is spent today already, so the limit is reached at once. Stops."),
        (LimitStatus("entry", "all", None, 20_000, 10_000, "Stops."), 20_001, "$0.02 is spent and $0.01 is reserved, so nothing is left until some of it is free. Stops."),
    ],
)  # fmt: skip
def test_a_limit_names_what_it_does_at_once(status: LimitStatus, amount: int, words: str) -> None:
    assert limit_pages.consequence(status, amount) == words


def test_every_limit_but_the_cap_and_that_of_a_round_can_be_set(shop: Workspace) -> None:
    statuses = limits.statuses(shop.pk, rounds={"total": usd(5)})
    offered = limit_pages.choices(statuses)
    assert len(offered) == 2 * len(Scope) - 1 and "total.all" not in [choice["value"] for choice in offered]
    assert {choice["value"] for choice in offered} == {value for value, _ in limit_pages.LimitForm.base_fields["limit"].choices}  # type: ignore[attr-defined]
