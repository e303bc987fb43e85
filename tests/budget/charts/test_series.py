"""Spend over time: from the workspace's beginning, in steps that fit, level where nothing happened."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from budget import ledger
from budget.amounts import usd
from budget.charts import series
from budget.models import Category, LedgerEntry
from tests.factories import a_workspace, project
from workspaces.models import Workspace
from workspaces.values import ids

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


def spent(shop: Workspace, at: datetime, amount: str) -> None:
    source = LedgerEntry.PriceSource.REPORTED
    charge = ledger.Charge(ids.session(), usd(amount), source, category=Category.ORCHESTRATOR, at=at)
    ledger.charge(project(shop), charge, actor="planner")


def load(shop: Workspace, *, age: timedelta, since: timedelta | None = timedelta(hours=24)) -> series.Series:
    return series.load(project(shop), since=NOW - since if since else None, began=NOW - age, now=NOW)


@pytest.mark.parametrize("since", [timedelta(hours=24), timedelta(days=7), None])
def test_a_young_workspace_begins_when_it_began(since: timedelta | None) -> None:
    shop = a_workspace()
    spent(shop, NOW - timedelta(minutes=10), "2")
    points = load(shop, age=timedelta(minutes=20), since=since).points
    assert points[0].at == NOW - timedelta(minutes=20) and points[0].total == 0
    assert (points[-1].at, points[-1].total) == (NOW, usd(2))
    assert [after.at - before.at for before, after in pairwise(points) if after.total > before.total] == [timedelta(minutes=1)]


@pytest.mark.parametrize(
    ("age", "step"),
    [
        (timedelta(minutes=30), timedelta(minutes=1)),
        (timedelta(hours=24), timedelta(minutes=10)),
        (timedelta(days=7), timedelta(hours=1)),
        (timedelta(days=30), timedelta(hours=4)),
        (timedelta(days=180), timedelta(days=1)),
    ],
)
def test_the_steps_fit_the_span(age: timedelta, step: timedelta) -> None:
    assert series._step_for(age) == step


def test_the_line_is_level_through_hours_in_which_nothing_happened() -> None:
    shop = a_workspace()
    for hours in (50, 30, 5):
        spent(shop, NOW - timedelta(hours=hours), "1")
    points = load(shop, age=timedelta(days=6), since=None).points
    rising = [after.at - before.at for before, after in pairwise(points) if after.total > before.total]
    assert len(rising) == 3 and max(rising) <= timedelta(hours=1)
    assert points[-1].total == usd(3) and [before.at < after.at for before, after in pairwise(points)] == [True] * (
        len(points) - 1
    )


def test_amounts_from_before_the_workspace_are_shown_over_all_time() -> None:
    shop = a_workspace()
    spent(shop, NOW - timedelta(hours=3), "1")
    points = load(shop, age=timedelta(hours=1), since=None).points
    assert points[0].at == NOW - timedelta(hours=3) and points[-1].total == usd(1)


def test_a_zoom_begins_and_ends_with_what_was_spent_until_then() -> None:
    shop = a_workspace()
    for hours in (30, 20, 10, 1):
        spent(shop, NOW - timedelta(hours=hours), "1")
    window = {"since": NOW - timedelta(hours=21), "until": NOW - timedelta(hours=9)}
    zoomed = series.load(project(shop), began=NOW - timedelta(days=3), now=NOW, **window)
    assert [(zoomed.points[n].at, zoomed.points[n].total) for n in (0, -1)] == [
        (window["since"], usd(1)),
        (window["until"], usd(3)),
    ]
    assert zoomed.hours == load(shop, age=timedelta(days=3)).hours and sum(zoomed.day.values()) == usd(3)


def booked(shop: Workspace, at: datetime, micro: int, category: Category) -> None:
    source = LedgerEntry.PriceSource.REPORTED
    ledger.charge(project(shop), ledger.Charge(ids.session(), micro, source, category=category, at=at), actor="planner")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_the_last_day_has_24_hours_of_the_readers_zone_by_category(zone: str) -> None:
    shop, here = a_workspace(), ZoneInfo(zone)
    hour = NOW.astimezone(here).replace(minute=0, second=0, microsecond=0)
    booked(a_workspace(name="Other"), NOW - timedelta(minutes=1), 10**9, Category.EXPANSION)
    for micro, at in (
        (1, NOW), (20, hour), (300, hour - timedelta(minutes=1)), (4000, hour - timedelta(hours=23)),
        (50_000, hour - timedelta(hours=23, minutes=1)),
    ):  # fmt: skip
        booked(shop, at, micro, Category.EXPANSION if micro == 300 else Category.ORCHESTRATOR)
    for since in (timedelta(hours=1), timedelta(hours=24), timedelta(days=7), None):
        seen = series.load(project(shop), since=NOW - since if since else None, began=NOW - timedelta(days=9), now=NOW, zone=here)
        assert (seen.hours[-1], seen.hours[-2], seen.hours[0], sum(seen.hours)) == (21, 300, 4000, 4321), since
        assert {name: n for name, n in seen.day.items() if n} == {"orchestrator": 4021, "expansion": 300}
        assert seen.points[-1].total == 54_321
