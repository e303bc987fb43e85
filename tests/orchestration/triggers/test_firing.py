"""A trigger's events and what comes of them: each once, within the budgets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from budget.amounts import usd
from budget.models import Account
from orchestration.backlog import entries
from orchestration.edge import worker_process
from orchestration.models import Entry, Executor, Firing, Trigger
from orchestration.triggers import changes, due, firing
from tests import factories
from tests.factories import ANA, a_charge, a_workspace
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 30, 12, tzinfo=UTC)


def a_trigger(workspace: Workspace | None = None, **more: Any) -> Trigger:
    return factories.a_trigger(workspace or a_workspace(), now=START, **{"overlap": "queue", **more})


def finish(*finished: Entry) -> None:
    Entry.objects.filter(pk__in=[entry.pk for entry in finished]).update(**factories.CLOSED)


def test_a_month_of_ticks_fires_each_day_once() -> None:
    trigger, now = a_trigger(), START
    while now < START + timedelta(days=31):
        due.fire_due(trigger, now)
        now += timedelta(minutes=7)
    days = [row.key for row in trigger.firings.order_by("pk")]
    assert days == [f"2026-12-{day:02}T02:00:00Z" for day in range(1, 32)]
    assert Entry.objects.filter(firing__trigger=trigger).count() == 31


def test_an_entry_is_the_templates_with_the_budget_of_a_firing() -> None:
    row = firing.fire(a_trigger(), "k", now=START)
    assert row.entry is not None
    assert (row.entry.content, row.entry.priority, row.entry.created_by) == ("Update all", 3, "trigger:Nightly")
    assert Account.objects.get(pk=row.entry_id).budget == usd(1)


def test_an_event_counts_once() -> None:
    trigger = a_trigger()
    assert firing.fire(trigger, "k", now=START) == firing.fire(trigger, "k", now=START + timedelta(days=9))
    assert Entry.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Firing.objects.create(trigger=trigger, key="k", month="2026-12", skipped="overlap")


def test_an_entry_and_its_firing_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = a_trigger()

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as between, pytest.raises(SystemExit), transaction.atomic():
        between.setattr(firing, "_record", killed)
        due.fire_due(trigger, START + timedelta(days=1))
    assert not Entry.objects.exists() and not Firing.objects.exists()
    assert due.fire_due(trigger, START + timedelta(hours=14, minutes=1))
    assert Entry.objects.count() == 1


def test_an_open_entry_skips_the_next_firing() -> None:
    trigger = a_trigger(overlap="skip")
    first = firing.fire(trigger, "1", now=START)
    assert firing.fire(trigger, "2", now=START).skipped == "overlap"
    assert first.entry
    finish(first.entry)
    assert firing.fire(trigger, "3", now=START).entry


def test_entries_of_a_month_cost_no_more_than_its_budget() -> None:
    trigger = a_trigger(month_budget=usd("2.5"))
    first = [firing.fire(trigger, str(n), now=START) for n in range(2)]
    assert firing.fire(trigger, "2", now=START).skipped == "month_budget"
    assert first[0].entry
    a_charge(first[0].entry, "0.5")
    assert firing.fire(trigger, "3", now=START).skipped == "month_budget"  # it may still spend the other half
    finish(first[0].entry)
    assert firing.fire(trigger, "4", now=START).entry
    assert firing.fire(trigger, "5", now=START).skipped == "month_budget"
    assert firing.fire(trigger, "6", now=START + timedelta(days=1)).entry


def test_a_failed_entry_may_be_tried_again_and_keeps_its_part_of_the_month() -> None:
    trigger = a_trigger(month_budget=usd(1))
    firing.fire(trigger, "1", now=START)
    Entry.objects.update(status=Entry.Status.FAILED, reason_code="rounds_exhausted")
    assert firing.fire(trigger, "2", now=START).skipped == "month_budget"


def test_a_raised_budget_and_children_count_in_the_month() -> None:
    trigger = a_trigger(month_budget=usd(5))
    row = firing.fire(trigger, "1", now=START)
    Account.objects.filter(pk=row.entry_id).update(budget=usd(2))
    assert firing.committed(trigger, "2026-11") == usd(2)
    child = entries.add(trigger.workspace_id, [entries.Draft("A part", budget=usd(2))], by=ANA, under=row.entry)[0]
    entries.add(trigger.workspace_id, [entries.Draft("A part of it", budget=usd("0.5"))], by=ANA, under=child)
    assert firing.committed(trigger, "2026-11") == usd("4.5")
    assert firing.fire(trigger, "2", now=START).skipped == "month_budget"


@pytest.mark.parametrize(("catch_up", "outcomes"), [("none", ["downtime"]), ("one", [""])])
def test_after_a_downtime_one_entry_catches_up_or_none(catch_up: str, outcomes: list[str]) -> None:
    trigger = a_trigger(catch_up=catch_up)
    due.fire_due(trigger, START + timedelta(days=5))
    assert due.fire_due(trigger, START + timedelta(days=5)) is None
    assert [row.skipped for row in trigger.firings.all()] == outcomes
    trigger.refresh_from_db()
    assert trigger.next_due == datetime(2026, 12, 6, 2, tzinfo=UTC)


def test_a_disabled_trigger_fires_neither_by_time_nor_by_hand() -> None:
    trigger = changes.change(a_trigger(), {"is_enabled": False}, by=ANA)
    assert due.fire_due(trigger, START + timedelta(days=1)) is None
    assert firing.fire(trigger, "k", now=START, by=ANA).skipped == "disabled"


def test_a_template_that_fits_the_config_no_more_is_skipped() -> None:
    workspace = a_workspace(agents={"cheap": {}})
    trigger = a_trigger(workspace, template={"content": "Do it", "agent": "cheap"})
    Executor.objects.update(config={})
    row = firing.fire(trigger, "k", now=START)
    assert row.skipped == "invalid" and "cheap" in row.message


def test_activity_has_the_first_of_those_skipped_for_the_same_reason() -> None:
    trigger = a_trigger(month_budget=0)
    for key in "123":
        firing.fire(trigger, key, now=START)
    assert Event.objects.filter(verb="trigger.skipped").count() == 1 and trigger.firings.count() == 3


def test_a_tick_without_a_due_trigger_asks_once(django_assert_num_queries: Any) -> None:
    due.run_due()
    with django_assert_num_queries(1):
        due.run_due()


def test_a_tick_fires_what_is_due_and_a_broken_trigger_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, whole = a_trigger(schedule="* * * * *"), a_trigger(schedule="* * * * *", catch_up="one")
    Trigger.objects.update(next_due=START)
    Trigger.objects.filter(pk=broken.pk).update(schedule="broken")
    due.run_due()
    assert not broken.firings.exists() and whole.firings.get().entry


def test_a_deleted_workspace_or_trigger_fires_no_more() -> None:
    gone = a_workspace()
    trigger, other = a_trigger(gone), a_trigger()
    Trigger.objects.update(next_due=START)
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=START)
    changes.delete(other, by=ANA)
    due.run_due()
    assert not Firing.objects.exists() and not trigger.firings.exists()


def test_the_tick_of_a_control_worker_fires_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, steps = a_trigger(), []
    Trigger.objects.update(next_due=START)
    monkeypatch.setattr(worker_process, "_run", lambda *run: steps.extend(run))
    worker_process.tick()
    next(step for step in steps if step.__module__ == due.__name__)()
    assert trigger.firings.count() == 1
