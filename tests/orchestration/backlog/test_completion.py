"""An idle backlog is recorded once, and every blocked entry is recorded."""

import pytest

from budget.amounts import usd
from budget.limits import caps
from orchestration import funding
from orchestration.backlog import entries, entry_actions
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_session, a_worker, a_workspace, an_entry, ended, some_entries
from workspaces.models import Event

pytestmark = pytest.mark.django_db


def recorded(verb: str = "backlog.finished") -> list[str]:
    return [event.data.get("state") or event.data.get("code") for event in Event.objects.filter(verb=verb).order_by("id")]


def test_the_last_entry_done_is_recorded_once() -> None:
    shop = a_workspace()
    first, second = some_entries(shop, "one", "two")
    entry_actions.mark_done(first, by=ANA)
    assert recorded() == []
    entry_actions.mark_done(second, by=ANA)
    event = Event.objects.get(verb="backlog.finished")
    assert event.data == {"state": "finished", "done": 2, "failed": 0, "blocked": 0, "pending": 0}
    assert event.reason == "Every entry has ended: 2 done, 0 failed"


def test_a_session_that_ends_the_last_entry_records_it() -> None:
    ended(a_session(an_entry(a_workspace())), outcome="passed")
    assert recorded() == ["finished"]


def test_a_backlog_with_later_entries_finishes_again() -> None:
    shop = a_workspace()
    entry_actions.mark_done(an_entry(shop), by=ANA)
    entry_actions.mark_done(an_entry(shop), by=ANA)
    assert recorded() == ["finished", "finished"]


def test_an_entry_on_hold_leaves_the_backlog_stuck_and_then_finished() -> None:
    shop = a_workspace()
    entry = an_entry(shop)
    entry_actions.put_on_hold(entry, by=ANA)
    assert recorded() == ["stuck"]
    entry_actions.mark_done(entry, by=ANA)
    assert recorded() == ["stuck", "finished"]


def test_dependents_of_a_failure_are_blocked_and_the_backlog_is_stuck() -> None:
    shop = a_workspace()
    first, _ = some_entries(shop, Draft("one", ref="a", budget_rounds=1), Draft("two", depends_on=("a",)))
    ended(a_session(first))
    assert recorded() == ["stuck"] and recorded("entry.blocked") == ["dependency_failed"]


def test_a_backlog_with_one_entry_on_hold_is_not_idle() -> None:
    shop = a_workspace()
    first, _ = some_entries(shop, "one", "two")
    entry_actions.put_on_hold(first, by=ANA)
    assert recorded() == [] and recorded("entry.blocked") == ["human_hold"]


def test_deleting_the_last_blocked_entry_finishes_the_backlog() -> None:
    shop = a_workspace()
    first, second = some_entries(shop, "one", "two")
    entry_actions.mark_done(first, by=ANA)
    entry_actions.put_on_hold(second, by=ANA)
    entries.delete(second, by=ANA)
    assert recorded() == ["stuck", "finished"]


def test_an_empty_backlog_never_finishes() -> None:
    entries.delete(an_entry(a_workspace()), by=ANA)
    assert recorded() == []


def test_a_cycle_that_blocks_the_last_entry_records_both_events() -> None:
    a_worker()
    shop = a_workspace()
    entry = an_entry(shop, budget="1")
    a_charge(entry, "1")
    dispatch.cycle(shop.pk)
    assert (
        Entry.objects.get().status == "blocked" and recorded("entry.blocked") == ["budget_exceeded"] and recorded() == ["stuck"]
    )
    caps.edit(entry.account, usd(5), by=ANA)
    funding.unblock_affordable(shop.pk)
    assert Entry.objects.get().status == "pending" and recorded() == ["stuck"]


def test_an_entry_that_runs_out_of_money_is_recorded_as_blocked() -> None:
    shop = a_workspace(min_round_usd=0.5)
    session = a_session(an_entry(shop, budget="1"))
    a_charge(session.entry, "0.9")
    ended(session)
    assert recorded("entry.blocked") == ["budget_exceeded"]


def test_an_entry_added_behind_a_failure_is_recorded_as_blocked() -> None:
    shop = a_workspace()
    failed = an_entry(shop, budget_rounds=1)
    ended(a_session(failed))
    some_entries(shop, Draft("two", depends_on=(failed.pk,)))
    assert recorded("entry.blocked") == ["dependency_failed"]
