"""Caps of a category and of a day: refused by the database, reported once, and gone at midnight."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from budget import ledger, limits
from budget.amounts import usd
from budget.categories import CATEGORIES, Scope
from budget.ledger import awaited, permits, rebuild
from budget.limits import caps
from budget.models import Category, DaySpend, Hold, LedgerEntry, Limit
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces.models import Event, Workspace
from workspaces.values import ids

pytestmark = pytest.mark.django_db


def a_limit(workspace: Workspace, category: str, period: str, amount: str) -> Limit:
    return Limit.objects.create(project=project(workspace), category=category, period=period, amount=usd(amount))


def is_refused(workspace: Workspace, amount: str) -> bool:
    entry = an_entry(workspace, budget="100")
    try:
        with transaction.atomic():
            Hold.objects.create(project=project(workspace), account=entry.account, session_ref=ids.session(), amount=usd(amount))
    except IntegrityError as refusal:
        assert "limit reached" in str(refusal)
        return True
    return False


def events(workspace: Workspace) -> list[dict[str, object]]:
    return [event.data for event in Event.objects.filter(verb="budget.limit", workspace=workspace).order_by("id")]


@pytest.mark.parametrize(("category", "period"), [("total", "day"), ("entry", "day"), ("entry", "all")])
def test_a_reservation_beyond_a_limit_is_refused_by_the_database(category: str, period: str) -> None:
    workspace = a_workspace()
    a_limit(workspace, category, period, "3")
    a_charge(an_entry(workspace), "1")
    assert not is_refused(workspace, "1")
    assert is_refused(workspace, "1.000001")
    assert not is_refused(workspace, "1")


@pytest.mark.parametrize("category", [name for name in CATEGORIES if name != Category.ENTRY])
def test_another_categorys_limit_stops_no_session(category: str) -> None:
    workspace = a_workspace()
    a_limit(workspace, category, "all", "0")
    assert not is_refused(workspace, "1")


def test_a_reservation_grows_only_within_the_limit_of_the_day() -> None:
    workspace = a_workspace()
    a_limit(workspace, "total", "day", "2")
    entry = an_entry(workspace, budget="10")
    hold = Hold.objects.create(project=project(workspace), account=entry.account, session_ref="s", amount=usd(1))
    assert ledger.grow(hold, usd(1)) and not ledger.grow(hold, 1)


def test_the_next_day_starts_at_zero() -> None:
    workspace = a_workspace()
    a_limit(workspace, "total", "day", "1")
    a_charge(an_entry(workspace), "1")
    assert is_refused(workspace, "0.5")
    DaySpend.objects.update(day=F("day") - timedelta(days=1))
    assert not is_refused(workspace, "0.5")
    shown = {(limit.category, limit.period): limit for limit in limits.statuses(workspace.pk)}
    assert (shown["total", "day"].spent, shown["total", "all"].spent) == (0, usd(1))


def test_a_day_is_the_sum_of_its_ledger_by_category() -> None:
    workspace = a_workspace()
    entry = an_entry(workspace)
    for amount, category in (("1", "entry"), ("0.5", "entry"), ("0.25", "interceptor"), ("0.125", "orchestrator")):
        a_charge(entry, amount, category=category)
    kept = dict(DaySpend.objects.filter(day=limits.today()).values_list("category", "amount"))
    assert kept == {"entry": usd("1.5"), "interceptor": usd("0.25"), "orchestrator": usd("0.125")}


def test_a_reached_limit_is_reported_once_a_day() -> None:
    workspace = a_workspace()
    entry = an_entry(workspace)
    a_limit(workspace, "entry", "day", "1")
    for _ in range(3):
        a_charge(entry, "0.6")
    assert events(workspace) == [{"category": "entry", "period": "day", "limit_usd": 1}]
    DaySpend.objects.update(day=F("day") - timedelta(days=1))
    Limit.objects.update(reached_on=F("reached_on") - timedelta(days=1))
    a_charge(entry, "1")
    assert len(events(workspace)) == 2


def test_a_raised_limit_is_reported_again_when_it_is_reached() -> None:
    workspace = a_workspace()
    for amount in ("1", "2", "2", "3"):
        caps.set_limit(project(workspace), "entry", "all", usd(amount), by=ANA)
        a_charge(an_entry(workspace), "1")
    assert [event["limit_usd"] for event in events(workspace)] == [1, 2, 3]


def test_a_limit_set_below_what_is_spent_is_reached_at_once() -> None:
    workspace = a_workspace()
    a_charge(an_entry(workspace), "2")
    a_limit(workspace, "entry", "all", "1.5")
    assert events(workspace) == [{"category": "entry", "period": "all", "limit_usd": 1.5}]


def test_standing_names_every_cap_with_what_stops() -> None:
    workspace = a_workspace(cap="100")
    a_limit(workspace, "total", "day", "60")
    a_charge(an_entry(workspace), "2")
    is_refused(workspace, "5")
    shown = {(limit.category, limit.period): limit for limit in limits.statuses(workspace.pk, rounds={"total": usd(5)})}
    day = shown["total", "day"]
    assert (day.limit, day.spent, day.held, day.left, day.reached) == (usd(60), usd(2), usd(5), usd(53), False)
    assert shown["total", "all"].limit == usd(100) and shown["expansion", "day"].limit is None
    assert shown["total", "round"].limit == usd(5)
    assert all(limit.stops.endswith(".") for limit in shown.values()) and len(shown) == 2 * len(Scope) + 1


def test_a_limit_of_reviews_names_what_becomes_of_required_reviews_and_of_others() -> None:
    shown = limits.statuses(a_workspace().pk, rounds={"interceptor": usd(1)})
    ends = {row.period: row.stops for row in shown if row.category == "interceptor"}
    for period in ("all", "day"):
        assert "a required one puts its entry on hold" in ends[period] and "required: false they are skipped" in ends[period]
    assert "a required one is made again in the next session" in ends["round"] and "without objections" not in ends["round"]


def test_a_day_that_drifted_is_found_and_repaired() -> None:
    workspace = a_workspace()
    a_charge(an_entry(workspace), "2")
    DaySpend.objects.update(amount=5)
    assert [(d.kind, d.stored, d.expected) for d in rebuild.find(workspace.pk)] == [("day", 5, usd(2))]
    rebuild.repair(workspace.pk, by=ANA, reason="drift")
    assert rebuild.find(workspace.pk) == [] and DaySpend.objects.get().amount == usd(2)


def test_the_limits_of_a_category_are_its_own_and_those_of_all() -> None:
    workspace, other = a_workspace(cap="100"), a_workspace(name="Other")
    a_limit(workspace, "expansion", "all", "5")
    a_limit(workspace, "expansion", "day", "3")
    a_limit(workspace, "orchestrator", "day", "1")
    a_limit(workspace, "total", "day", "60")
    a_limit(other, "expansion", "day", "2")
    assert sorted(limits.headrooms(workspace.pk, "expansion")) == [usd(3), usd(5), usd(60), usd(100)]
    assert sorted(limits.headrooms(workspace.pk, "entry")) == [usd(60), usd(100)]
    nearest = limits.tightest(workspace.pk, "expansion")
    assert nearest and (nearest.category, nearest.period) == ("expansion", "day")
    a_charge(None, "3.5", category="expansion", in_=workspace)
    assert sorted(limits.headrooms(workspace.pk, "expansion")) == [-usd("0.5"), usd("1.5"), usd("56.5"), usd("96.5")]
    assert limits.headrooms(other.pk, "expansion") == [usd(100), usd(2)]


@pytest.mark.parametrize("category", ["entry", "expansion"])
def test_the_cap_is_not_the_tightest_limit(category: str) -> None:
    workspace = a_workspace(cap="0")
    assert limits.tightest(workspace.pk, category) is None
    a_limit(workspace, "total", "day", "60")
    a_limit(workspace, "orchestrator", "all", "0")
    nearest = limits.tightest(workspace.pk, category)
    assert nearest and (nearest.category, nearest.period) == ("total", "day")


def test_what_is_reserved_counts_in_its_category_while_it_is_open_and_never_below_zero() -> None:
    workspace = a_workspace()
    where, entry = project(workspace), an_entry(workspace, budget="9")
    of_entry = Hold.objects.create(project=where, account=entry.account, session_ref="s", amount=usd(4))
    over, ended = (permits.open_permit(where, None, category=Category.EXPANSION, amount=usd(n), by=ANA) for n in (1, 2))
    permits.close(ended, by=ANA)
    item = ledger.Charge("k", usd(3), LedgerEntry.PriceSource.REPORTED, category=Category.EXPANSION)
    ledger.charge(where, item, reservation=over, actor="gateway")
    other = a_workspace(name="Other")
    Hold.objects.create(project=project(other), account=an_entry(other, budget="9").account, session_ref="o", amount=usd(9))
    shown = {(row.category, row.period): (row.spent, row.held) for row in limits.statuses(workspace.pk)}
    for period in ("all", "day"):
        assert {name: shown[name, period] for name in ("total", "entry", "expansion", "orchestrator")} == {
            "total": (usd(3), usd(4)), "entry": (0, usd(4)), "expansion": (usd(3), 0), "orchestrator": (0, 0)}  # fmt: skip
    awaited.keep(of_entry.pk, host="east", seconds=60)
    [entry_limit] = [row for row in limits.statuses(workspace.pk) if (row.category, row.period) == ("entry", "all")]
    assert entry_limit.held == usd(4)


@pytest.mark.parametrize(("amount", "left", "reached"), [("3", "-1", True), ("2", "0", True), ("1.999999", "0.000001", False)])
def test_a_limit_is_reached_by_what_is_spent_and_not_by_what_is_reserved(amount: str, left: str, reached: bool) -> None:
    workspace = a_workspace()
    a_limit(workspace, "entry", "all", "2")
    a_charge(an_entry(workspace), amount)
    [row] = [row for row in limits.statuses(workspace.pk) if (row.category, row.period) == ("entry", "all")]
    assert (row.left, row.reached) == (usd(left), reached)
    unset = next(row for row in limits.statuses(workspace.pk) if row.limit is None)
    assert (unset.left, unset.reached) == (None, False)
    if not reached:
        is_refused(workspace, "0.000001")
        [row] = [row for row in limits.statuses(workspace.pk) if (row.category, row.period) == ("entry", "all")]
        assert (row.left, row.reached) == (0, False)


def test_limits_come_in_one_order_and_show_when_they_end() -> None:
    shown = limits.statuses(a_workspace().pk, rounds={"interceptor": usd(1), "total": None, "entry": usd(2)})
    order = [(name, period) for period in ("all", "day") for name in Scope.values] + [
        ("interceptor", "round"),
        ("total", "round"),
    ]
    assert [(row.category, row.period) for row in shown] == order
    ends = {(row.category, row.period): row.stops.rpartition(", ")[2] for row in shown}
    assert ends["total", "all"] == "until the cap is raised." and ends["entry", "all"] == "until it is raised."
    assert ends["total", "day"] == ends["entry", "day"] == "until 00:00 UTC." and shown[-2].limit == usd(1)


@pytest.mark.parametrize(
    ("category", "period", "sentence"),
    [
        ("total", "day", "today's limit of $1.50"),
        ("entry", "day", "today's limit of $1.50 for entry"),
        ("entry", "all", "the limit of $1.50 for entry"),
    ],
)
def test_a_limit_is_described_by_its_amount_period_and_category(category: str, period: str, sentence: str) -> None:
    assert limits.describe(limits.LimitStatus(category, period, usd("1.5"), 0, 0, "")) == sentence


def test_limits_take_two_queries_or_one_where_the_project_is_known(django_assert_num_queries: Any) -> None:
    workspace = a_workspace()
    where = project(workspace)
    with django_assert_num_queries(2):
        limits.statuses(workspace.pk)
    with django_assert_num_queries(1):
        limits.statuses(workspace.pk, project=where)
