"""Triggers under concurrency: several control workers look at the same time, and people fire by hand."""

from datetime import UTC, datetime

import pytest

from budget.amounts import usd
from orchestration.models import Entry, Trigger
from orchestration.triggers import due, firing
from tests.factories import ANA, a_trigger, a_workspace
from tests.races.crowd import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 12, 1, 2, tzinfo=UTC)


def test_workers_that_see_the_same_time_make_one_entry() -> None:
    trigger = a_trigger(a_workspace(), now=datetime(2026, 11, 30, 12, tzinfo=UTC))
    at_once([lambda: due.fire_due(trigger, NOW)] * 4)
    assert trigger.firings.get().entry == Entry.objects.get()


def test_a_repeated_request_makes_one_entry() -> None:
    trigger = a_trigger(a_workspace(), overlap="queue")
    rows = at_once([lambda: firing.fire(trigger, "same", now=NOW, by=ANA)] * 4)
    assert len({row.pk for row in rows}) == 1 and Entry.objects.count() == 1


def test_firings_at_once_stay_within_the_month() -> None:
    trigger = a_trigger(a_workspace(), overlap="queue", month_budget=usd(2))
    rows = at_once([lambda key=key: firing.fire(trigger, key, now=NOW, by=ANA) for key in "abcd"])
    assert sorted(row.skipped for row in rows) == ["", "", "month_budget", "month_budget"]
    assert firing.committed(trigger, "2026-12") == usd(2)


def test_of_firings_at_once_that_may_not_overlap_one_adds_an_entry() -> None:
    trigger = a_trigger(a_workspace())
    rows = at_once([lambda key=key: firing.fire(trigger, key, now=NOW, by=ANA) for key in "abcd"])
    assert sorted(row.skipped for row in rows) == ["", "overlap", "overlap", "overlap"]
    assert Trigger.objects.count() == Entry.objects.count() == 1
