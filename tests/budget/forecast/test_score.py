"""Costs that were foretold are compared with what happened, once it has happened."""

from datetime import timedelta

import pytest
from django.utils import timezone

from budget.amounts import usd
from budget.forecast import record, score
from budget.models import ForecastRecord, Hold
from tests.factories import a_charge, a_session, a_workspace, an_entry, ended
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def cost(shop: Workspace, *costs: str) -> None:
    """Sessions that end now, one after the other, at these costs."""
    for amount in costs:
        session = a_session(an_entry(shop, budget="9"))
        a_charge(session.entry, amount)
        Hold.objects.filter(session_ref=session.pk).update(drawn=usd(amount))
        ended(session, outcome="passed")


def row(shop: Workspace) -> ForecastRecord:
    record.refresh(shop.pk)
    return ForecastRecord.objects.get(pk=shop.pk)


def test_nothing_is_foretold_from_fewer_than_ten_sessions() -> None:
    shop = a_workspace(budget="1000", cap="1000")
    cost(shop, *["1"] * 9)
    assert (row(shop).foretold_at, row(shop).compared, score.sentence(row(shop))) == (None, 0, "")
    cost(shop, "1")
    assert (row(shop).foretold_low, row(shop).foretold_high) == (usd(10), usd(10))


def test_ten_sessions_later_it_is_compared_and_foretold_anew() -> None:
    shop = a_workspace(budget="1000", cap="1000")
    cost(shop, *["1", "2"] * 5)
    first = row(shop)
    cost(shop, *["1.5"] * 9)
    assert row(shop).foretold_at == first.foretold_at and row(shop).compared == 0, "one has not ended"
    cost(shop, "1.5")
    after = row(shop)
    assert (after.compared, after.held) == (1, 1) and after.foretold_at is not None
    cost(shop, *["4"] * 10)
    assert (row(shop).compared, row(shop).held) == (2, 1)
    assert score.sentence(row(shop)).startswith("1 of 2 forecasts of what the next 10 sessions cost held")


def test_only_the_first_ten_that_ended_since_count() -> None:
    shop = a_workspace(budget="1000", cap="1000")
    cost(shop, *["1"] * 10)
    row(shop)
    cost(shop, *["1"] * 10, "8")
    assert (row(shop).compared, row(shop).held) == (1, 1)


def test_the_range_is_that_of_the_newest_sessions() -> None:
    low, high = score.cost_ahead([usd(1), usd(3)] * 10)
    assert low is not None and high is not None and usd(10) < low < usd(20) < high < usd(30)
    assert score.cost_ahead([usd(1)] * 9) == (None, None)


def test_before_the_first_comparison_nothing_is_shown() -> None:
    assert score.sentence(None) == score.sentence(ForecastRecord(computed_at=timezone.now() - timedelta(days=1))) == ""
