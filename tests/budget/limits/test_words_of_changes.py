"""Changes of amounts have their person and local time; limits count their own days; a divided budget is announced."""

import os
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from budget import limits
from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, DaySpend, Limit
from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.access import Caller
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

BEA = Caller("bea")
AT = datetime(2026, 8, 4, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at"),
    [("UTC", "4 Aug 20:00 UTC"), ("Asia/Kathmandu", "5 Aug 01:45 UTC+05:45"), ("Pacific/Honolulu", "4 Aug 10:00 HST")],
)
def test_the_newest_change_of_this_amount_is_named_in_the_readers_time(shop: Workspace, zone: str, at: str) -> None:
    account, other = (an_entry(shop, budget="1").account for _ in range(2))
    caps.edit(account, usd(2), by=BEA)
    caps.edit(account, usd(3), by=ANA)
    caps.toggle_lock(account, by=BEA)
    caps.edit(other, usd(9), by=BEA)
    theirs = a_workspace(name="Other")
    for where in (shop, theirs):
        caps.set_project(project(where), "total_budget", usd(7 if where == shop else 8), by=ANA if where == shop else BEA)
    BudgetChange.objects.update(at=AT)
    with timezone.override(zone):
        assert caps.who_changed(project(shop), "budget", usd(3), account) == f"ana changed it from $2.00 to $3.00 at {at}"
        assert caps.who_changed(project(shop), "total_budget", usd(7)) == f"ana changed it from $100.00 to $7.00 at {at}"
    assert caps.who_changed(project(shop), "max_project_spend", usd(100)) == "It is $100.00 now"
    assert caps.who_changed(project(shop), "limit.entry.day", None) == "It is none now"


@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12"])  # 26 hours apart: at any moment one of the two has another day
def test_a_day_is_that_of_utc_whatever_the_zone_of_the_server(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setitem(os.environ, "TZ", zone)
    time.tzset()
    try:
        before = datetime.now(UTC).date()
        assert before <= limits.today() <= datetime.now(UTC).date()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_limit_of_a_day_counts_that_day_alone(shop: Workspace) -> None:
    caps.set_limit(project(shop), "entry", "day", usd(9), by=ANA)
    a_charge(an_entry(shop, budget="9"), "1")
    today = limits.today()
    for n, days in ((2, -1), (4, 1)):
        DaySpend.objects.create(
            project=project(shop), category="entry", day=today.fromordinal(today.toordinal() + days), amount=usd(n)
        )
    shown = {(row.category, row.period): row.spent for row in limits.statuses(shop.pk)}
    assert (shown["entry", "day"], shown["total", "day"], shown["entry", "all"]) == (usd(1), usd(1), usd(1))


def test_the_tightest_limit_is_by_what_is_left_and_not_by_its_amount(shop: Workspace) -> None:
    for category, period, amount in (("expansion", "all", 9), ("expansion", "day", 5), ("total", "day", 7)):
        caps.set_limit(project(shop), category, period, usd(amount), by=ANA)
    a_charge(None, "1", category="orchestrator", in_=shop)

    def tightest() -> tuple[str, str, int | None]:
        row = limits.tightest(shop.pk, "expansion")
        assert row is not None
        return row.category, row.period, row.left

    assert tightest() == ("expansion", "day", usd(5))
    a_charge(None, "3", category="orchestrator", in_=shop)
    assert tightest() == ("total", "day", usd(3))
    Limit.objects.filter(period="day").delete()
    assert tightest() == ("expansion", "all", usd(9))


def test_a_limit_of_zero_is_reached_from_the_beginning(shop: Workspace) -> None:
    caps.set_limit(project(shop), "expansion", "all", 0, by=ANA)
    reached = [(row.category, row.period) for row in limits.statuses(shop.pk) if row.reached]
    assert reached == [("expansion", "all")]


def test_removing_a_limit_leaves_that_of_the_other_period(shop: Workspace) -> None:
    for period in ("all", "day"):
        caps.set_limit(project(shop), "entry", period, usd(5), by=ANA)
    caps.set_limit(project(shop), "entry", "day", None, by=ANA)
    assert [(row.category, row.period) for row in Limit.objects.all()] == [("entry", "all")]


def test_a_budget_that_is_divided_is_announced_to_those_who_wait(
    shop: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    whole = an_entry(shop, budget="3")
    splitting.split(Entry.objects.get(pk=whole.pk), [Draft("One"), Draft("Two")], by=ANA)
    received: list[tuple[str, str | None, bool]] = []
    receiver = lambda **message: received.append((message["workspace_id"], message["entry_id"], message["shared_out"]))  # noqa: E731
    caps.changed.connect(receiver, weak=False)
    with django_capture_on_commit_callbacks(execute=True):
        caps.edit(Account.objects.get(pk=whole.pk), usd(6), by=BEA)
    caps.changed.disconnect(receiver)
    assert received == [(shop.pk, None, False)]
