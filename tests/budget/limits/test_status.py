"""Caps of a category and of a day: refused by the database, told once, and gone at midnight."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from budget import ledger, limits
from budget.amounts import usd
from budget.ledger import rebuild
from budget.limits import caps
from budget.models import DaySpend, Hold, Limit
from tests.factories import ANA, a_charge, a_workspace, an_entry, project
from workspaces import ids
from workspaces.models import Event, Workspace

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


@pytest.mark.parametrize("category", ["orchestrator", "expansion", "interceptor"])
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
    assert all(limit.stops.endswith(".") for limit in shown.values()) and len(shown) == 11


def test_a_day_that_drifted_is_found_and_repaired() -> None:
    workspace = a_workspace()
    a_charge(an_entry(workspace), "2")
    DaySpend.objects.update(amount=5)
    assert [(d.kind, d.stored, d.expected) for d in rebuild.find(workspace.pk)] == [("day", 5, usd(2))]
    rebuild.repair(workspace.pk, by=ANA, reason="drift")
    assert rebuild.find(workspace.pk) == [] and DaySpend.objects.get().amount == usd(2)
