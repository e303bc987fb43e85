"""The overview of the budget beside another workspace: what counts in each figure, and what does not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from budget.amounts import usd
from budget.categories import LABELS
from budget.charts import burnup
from budget.forecast import record
from budget.ledger import awaited
from budget.limits import caps
from budget.models import BudgetChange, Hold
from dashboard.budget import overview
from dashboard.budget.overview import Figures
from orchestration.models import Executor
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def reserve(shop: Workspace, amount: str, *, absent: bool = False) -> None:
    entry = an_entry(shop, budget="9")
    hold = Hold.objects.create(project=project(shop), account=entry.account, session_ref=entry.pk, amount=usd(amount))
    if absent:
        awaited.keep(hold.pk, host="east", seconds=600)


@pytest.fixture
def shop() -> Workspace:
    """Beside it a workspace with spend, reservations, limits and changes of its own."""
    other, shop = a_workspace(name="Other"), a_workspace(cap="20", budget="30")
    a_charge(an_entry(other, budget="9"), "8")
    reserve(other, "3", absent=True)
    caps.set_project(project(other), "max_project_spend", usd(9), by=ANA)
    return shop


def figures(shop: Workspace, **query: str) -> Figures:
    return Figures(page_request(shop, **query))


def test_what_awaits_a_host_is_a_part_of_what_is_reserved(shop: Workspace) -> None:
    assert overview.summary(figures(shop))["awaited"] == 0
    reserve(shop, "2")
    reserve(shop, "1", absent=True)
    assert (overview.summary(figures(shop))["awaited"], overview.summary(figures(shop))["left"]) == (usd(1), usd(17))


def test_a_limit_whose_rest_is_only_reserved_is_not_reached(shop: Workspace) -> None:
    caps.set_limit(project(shop), "entry", "all", usd(2), by=ANA)
    reserve(shop, "2")
    assert overview.summary(figures(shop))["limits_reached"] == []


def test_the_last_hour_is_the_present_one_and_the_day_is_all_of_them(shop: Workspace) -> None:
    workspace_age = now() - timedelta(days=3)
    Workspace.objects.filter(pk=shop.pk).update(created_at=workspace_age)
    for hours, amount in ((0, "1"), (3, "2"), (23, "4"), (30, "8")):
        a_charge(None, amount, category="expansion", in_=shop, at=now().replace(minute=0, second=0) - timedelta(hours=hours))
    shown = overview.summary(figures(Workspace.objects.get(pk=shop.pk)))
    assert (shown["last_hour"], shown["day"]) == (usd(1), usd(7))


@pytest.mark.parametrize(("state", "paused"), [("running", False), ("paused", True), ("stopped", True)])
def test_no_date_is_forecast_while_no_session_starts(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch, state: str, paused: bool
) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(record, "current", lambda workspace_id, **more: seen.append(more | {"of": workspace_id}))
    Executor.objects.filter(pk=shop.pk).update(state=state)
    _ = figures(shop).forecast
    assert [(more["of"], more["paused"]) for more in seen] == [(shop.pk, paused)]


@pytest.mark.parametrize(("reviewer", "limit"), [(None, None), ({"agent": {"command": "look"}, "round_usd": 0.5}, usd("0.5"))])
def test_the_limits_of_a_round_are_those_of_the_config(shop: Workspace, reviewer: Any, limit: int | None) -> None:
    Executor.objects.filter(pk=shop.pk).update(config={"round_ceiling_usd": 4} | ({"interceptor": reviewer} if reviewer else {}))
    shown = {(status.category, status.period): status.limit for status in figures(shop).limit_statuses}
    assert (shown["total", "round"], shown["interceptor", "round"]) == (usd(4), limit)
    names = [(status.category, status.period) for status in figures(shop).other_limits]
    assert names == ([("total", "round")] if limit is None else [("total", "round"), ("interceptor", "round")])


def test_what_is_not_allocated_is_of_the_plan_and_the_excess_is_named(shop: Workspace) -> None:
    an_entry(shop, budget="12")
    shown = overview.caps(figures(shop))
    assert (shown["allocated"], shown["unallocated"], shown["excess"]) == (usd(12), usd(18), "")
    an_entry(shop, budget="20")
    assert overview.caps(figures(shop))["excess"] == "Allocated $32.00 exceeds the total budget by $2.00"


def test_changes_are_of_this_workspace(shop: Workspace) -> None:
    assert overview.log(figures(shop))["log"] == [] and overview.allocation(figures(shop))["last"] is None
    caps.set_project(project(shop), "total_budget", usd(7), by=ANA, source=BudgetChange.Source.REVIEW)
    assert len(overview.log(figures(shop))["log"]) == 1 and overview.allocation(figures(shop))["last"] is None


def test_limits_are_next_to_their_own_category_and_that_of_the_day_below_all(shop: Workspace) -> None:
    a_charge(None, "1", category="expansion", in_=shop)
    for category, period, amount in (("expansion", "day", 5), ("expansion", "all", 6), ("entry", "all", 7), ("total", "day", 8)):
        caps.set_limit(project(shop), category, period, usd(amount), by=ANA)
    shown = overview.by_category(figures(shop))
    rows = {row["label"]: [status.limit for status in row["limits"]] for row in shown["categories"]}
    assert rows == {label: [] for label in LABELS.values()} | {"Entries": [usd(7)], "Expansion": [usd(6), usd(5)]}
    assert (shown["day_limit"].limit, shown["sums"]["amount"], shown["sums"]["some"]) == (usd(8), usd(1), True)
    assert not overview.by_category(figures(a_workspace(name="Fresh")))["sums"]["some"]


@pytest.mark.parametrize(("age", "rate"), [(timedelta(minutes=30), 12), (timedelta(hours=2), 3), (timedelta(days=9), 0.25)])
def test_the_rate_of_a_young_workspace_is_by_its_age(shop: Workspace, age: timedelta, rate: float) -> None:
    Workspace.objects.filter(pk=shop.pk).update(created_at=now() - age)
    a_charge(None, "6", category="expansion", in_=shop)
    seen = figures(Workspace.objects.get(pk=shop.pk))
    sums = overview.by_category(seen)["sums"]
    assert sums["day"] == usd(6) and sums["rate"] == pytest.approx(usd(rate), rel=0.01)


def minute(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M}Z"


def test_a_window_in_the_past_has_its_own_spend_and_changes_and_nothing_reserved(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace.objects.filter(pk=shop.pk).update(created_at=now() - timedelta(days=3))
    shop = Workspace.objects.get(pk=shop.pk)
    reserve(shop, "2")
    for hours, amount in ((30, "1"), (10, "2"), (1, "4")):
        a_charge(None, amount, category="expansion", in_=shop, at=now() - timedelta(hours=hours))
    for hours, reason in ((30, "before"), (9, "within"), (1, "after")):
        caps.set_project(project(shop), "total_budget", usd(hours), by=ANA, reason=reason)
        BudgetChange.objects.filter(reason=reason).update(at=now() - timedelta(hours=hours))
    drawn: list[burnup.BurnUp] = []
    real = burnup.draw
    monkeypatch.setattr(burnup, "draw", lambda data: drawn.append(data) or real(data))
    past = overview.over_time(
        figures(shop, **{"from": minute(now() - timedelta(hours=20)), "to": minute(now() - timedelta(hours=5))})
    )
    present = overview.over_time(figures(shop))
    assert (past["is_past"], present["is_past"]) == (True, False)
    assert [mark.text.rpartition(": ")[2] for mark in past["marks"]] == ["within"]
    assert [mark.text.rpartition(": ")[2] for mark in present["marks"]] == ["within", "after"]
    assert [(data.held, data.spent, data.is_past) for data in drawn] == [(0, usd(3), True), (usd(2), usd(7), False)]
    assert drawn[0].until == drawn[0].now < drawn[1].now < drawn[1].until


def test_the_newest_marks_are_listed_in_order(shop: Workspace) -> None:
    Workspace.objects.filter(pk=shop.pk).update(created_at=now() - timedelta(hours=3))
    for n in range(10):
        caps.set_project(project(shop), "total_budget", usd(n + 1), by=ANA, reason=f"r{n}")
    marks = overview.over_time(figures(Workspace.objects.get(pk=shop.pk)))["marks"]
    assert [mark.text.rpartition(": ")[2] for mark in marks] == [f"r{n}" for n in range(2, 10)]
