"""The project's cap, to the micro-dollar: whatever was spent counts, and the database itself refuses more."""

import pytest
from django.db import IntegrityError, transaction

from budget.categories import CATEGORIES
from budget.models import Hold
from orchestration.models import Entry
from tests.factories import a_charge, a_workspace, an_entry, project

pytestmark = pytest.mark.django_db


@pytest.fixture(params=CATEGORIES)
def entry(request: pytest.FixtureRequest) -> Entry:
    """One of a workspace with a cap of $10, of which $4 are spent in one category."""
    shop = a_workspace(cap="10", budget="1000")
    entry, other = an_entry(shop, budget="500"), an_entry(shop, budget="500")
    a_charge(other if request.param in ("entry", "interceptor") else None, "4", category=request.param, in_=shop)
    return entry


def opened(entry: Entry, amount: int) -> Hold:
    return Hold.objects.create(project=project(entry.workspace), account=entry.account, session_ref="s", amount=amount)


def test_a_reservation_may_take_all_that_is_left_under_the_cap(entry: Entry) -> None:
    opened(entry, 6_000_000)
    assert (project(entry.workspace).held, project(entry.workspace).headroom) == (6_000_000, 0)


def test_a_reservation_of_a_micro_dollar_more_than_is_left_is_refused(entry: Entry) -> None:
    with pytest.raises(IntegrityError, match="cap reached"), transaction.atomic():
        opened(entry, 6_000_001)
    assert project(entry.workspace).held == 0


def test_a_reservation_may_grow_to_all_that_is_left_under_the_cap(entry: Entry) -> None:
    hold = opened(entry, 1_000_000)
    Hold.objects.filter(pk=hold.pk).update(amount=6_000_000)
    assert project(entry.workspace).held == 6_000_000


def test_a_reservation_may_not_grow_by_a_micro_dollar_more_than_is_left(entry: Entry) -> None:
    hold = opened(entry, 1_000_000)
    with pytest.raises(IntegrityError, match="cap reached"), transaction.atomic():
        Hold.objects.filter(pk=hold.pk).update(amount=6_000_001)
    assert project(entry.workspace).held == 1_000_000


@pytest.mark.parametrize(("budget", "fits"), [("6", True), ("5.999999", False)])
def test_a_reservation_stays_within_its_entrys_budget(budget: str, fits: bool) -> None:
    entry = an_entry(a_workspace(), budget=budget)
    if fits:
        opened(entry, 6_000_000)
    else:
        with pytest.raises(IntegrityError, match="budget reached"), transaction.atomic():
            opened(entry, 6_000_000)
