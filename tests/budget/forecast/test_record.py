"""The forecast as a row: computed in the control worker when something moved, the same figures for pages and the API."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budget.amounts import usd
from budget.forecast import Forecast, inputs, record
from budget.ledger import permits
from budget.models import Category, ForecastRecord, Hold, Project, RoundSpend
from orchestration.models import Entry, Executor
from tests.factories import ANA, CLOSED, a_charge, a_session, a_workspace, an_entry, ended, project
from workspaces import activity
from workspaces.activity import events
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def worked(shop: Workspace, rounds: int = 10) -> None:
    for n in range(rounds):
        session = a_session(an_entry(shop, content=f"do {n}"))
        a_charge(session.entry, "0.5")
        Hold.objects.filter(session_ref=session.pk).update(drawn=usd("0.5"))
        ended(session, outcome="passed")
    an_entry(shop, content="still open")
    Hold.objects.update(opened_at=F("settled_at") - timedelta(minutes=40))


def long_ago() -> None:
    ForecastRecord.objects.update(computed_at=F("computed_at") - timedelta(minutes=1))


def test_the_row_equals_the_computation() -> None:
    shop = a_workspace()
    worked(shop)
    record.refresh(shop.pk)
    at = ForecastRecord.objects.get(pk=shop.pk).computed_at
    assert record.current(shop.pk, at=at) == inputs.forecast(shop.pk, at=at)
    assert record.current(shop.pk, at=at, paused=True) == inputs.forecast(shop.pk, at=at, paused=True)


def test_its_dates_move_with_the_clock_while_nothing_is_spent() -> None:
    shop = a_workspace()
    worked(shop)
    record.refresh(shop.pk)
    at = timezone.now()
    early, late = record.current(shop.pk, at=at), record.current(shop.pk, at=at + timedelta(hours=1))
    assert early.cap_at and late.cap_at == early.cap_at + timedelta(hours=1)
    moved = {"cap_at": None, "cap_from": None, "cap_until": None, "end_at": None}
    assert replace(late, **moved) == replace(early, **moved) and early.end_at and not late.end_at, "it has passed"


def test_before_the_first_row_only_the_end_of_the_backlog_is_unknown() -> None:
    shop = a_workspace()
    worked(shop)
    at = timezone.now()
    first, full = record.current(shop.pk, at=at), inputs.forecast(shop.pk, at=at)
    assert full.end_spend is not None and first.enough
    assert first == replace(full, end_spend=None, end_low=None, end_high=None, end_at=None)


def test_a_permit_is_no_session_however_long_it_was_open() -> None:
    shop = a_workspace()
    worked(shop)
    at, before = timezone.now(), inputs.forecast(shop.pk)
    permit = permits.open_permit(project(shop), None, category=Category.ORCHESTRATOR, amount=usd(1), by=ANA)
    permits.close(permit, by=ANA)
    Hold.objects.filter(pk=permit.pk).update(drawn=usd("0.5"), opened_at=at - timedelta(hours=12))
    assert before.enough and inputs.forecast(shop.pk, at=at).rate == before.rate


def test_a_session_ends_with_its_work_and_not_when_its_host_has_reported_its_spend() -> None:
    shop = a_workspace()
    worked(shop)
    at, before = timezone.now(), inputs.forecast(shop.pk)
    Hold.objects.update(settled_at=F("settled_at") + timedelta(hours=5))
    assert before.enough and inputs.forecast(shop.pk, at=at).rate == before.rate


def test_a_tick_computes_it_again_when_money_moved_and_not_more_often_than_each_ten_seconds() -> None:
    shop = a_workspace()
    worked(shop)
    record.refresh_due()
    before = ForecastRecord.objects.get(pk=shop.pk)
    a_charge(an_entry(shop, content="more"), "3")
    record.refresh_due()
    assert ForecastRecord.objects.get(pk=shop.pk).version == before.version, "ten seconds have not passed"
    long_ago()
    record.refresh_due()
    assert ForecastRecord.objects.get(pk=shop.pk).version == project(shop).version > before.version


def test_an_idle_workspace_costs_a_tick_one_query() -> None:
    shop = a_workspace()
    worked(shop)
    record.refresh_due()
    long_ago()
    with CaptureQueriesContext(connection) as context:
        record.refresh_due()
    assert len(context.captured_queries) == 1


def test_of_a_large_backlog_a_sample_is_read_and_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = a_workspace()
    worked(shop)
    for n in range(9):
        an_entry(shop, content=f"open {n}")
    at = timezone.now()
    whole = inputs.forecast(shop.pk, at=at)
    monkeypatch.setattr(inputs, "MAX_OPEN", 6)
    part = inputs.forecast(shop.pk, at=at)
    assert whole.end_spend and part.end_spend
    assert part.end_spend == pytest.approx(whole.end_spend, rel=0.5)
    assert part.rate == whole.rate


def due() -> set[str]:
    return set(record._due(timezone.now()).values_list("pk", flat=True))


def test_it_is_due_where_there_is_none_or_something_moved_since() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    assert due() == {shop.pk, other.pk}
    record.refresh_due()
    long_ago()
    assert due() == set()
    activity.record(shop.pk, events.WorkspaceRenamed(before="a", after="b"), by=ANA)
    assert due() == {shop.pk}
    for workspace in (shop, other):
        record.refresh(workspace.pk)
    a_charge(None, "1", category="expansion", round=None, in_=other)
    assert due() == set(), "ten seconds have not passed"
    long_ago()
    assert due() == {other.pk}
    Workspace.objects.filter(pk=other.pk).update(deleted_at=timezone.now())
    assert due() == set()


def test_the_oldest_comes_first_and_a_tick_takes_no_more_once_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, new = (a_workspace(name=name) for name in "abc")
    for shop in (second, first):
        record.refresh(shop.pk)
        ForecastRecord.objects.update(computed_at=F("computed_at") - timedelta(minutes=1), version=-1)
    order: list[str] = []
    monkeypatch.setattr(record, "refresh", order.append)
    record.refresh_due()
    assert order == [new.pk, second.pk, first.pk]
    order.clear()
    monkeypatch.setattr(record, "TICK_SHARE_S", -1)
    record.refresh_due()
    assert order == [new.pk]


def test_paused_or_stopped_it_has_no_dates() -> None:
    shop = a_workspace()
    worked(shop)
    record.refresh(shop.pk)
    assert record.current(shop.pk).cap_at and not record.current(shop.pk).paused
    for paused in (record.current(shop.pk, paused=True), stopped(shop)):
        assert (paused.paused, paused.cap_at, paused.cap_from, paused.cap_until) == (True, None, None, None)
        assert paused.enough and paused.end_spend is not None
    with_it = Project.objects.select_related("forecast").get(pk=shop.pk)
    assert record.current(shop.pk, project=with_it, paused=True) == paused


def stopped(shop: Workspace) -> Forecast:
    Executor.objects.filter(pk=shop.pk).update(state="paused")
    return record.current(shop.pk)


def test_a_row_that_was_computed_while_paused_has_its_dates_once_work_goes_on() -> None:
    shop = a_workspace()
    worked(shop)
    Executor.objects.filter(pk=shop.pk).update(state="paused")
    record.refresh(shop.pk)
    assert record.current(shop.pk).cap_at is None
    shown = record.current(shop.pk, paused=False)  # the page has read the state already
    assert shown.cap_at is not None and not shown.paused
    Executor.objects.filter(pk=shop.pk).update(state="running")
    assert record.current(shop.pk).cap_at is not None


def test_what_was_spent_while_it_was_computed_makes_it_due_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = a_workspace()
    worked(shop)
    real = inputs.forecast

    def meanwhile(*args: Any, **more: Any) -> Forecast:
        seen = real(*args, **more)
        a_charge(None, "1", category="expansion", in_=shop)
        Project.objects.filter(pk=shop.pk).update(version=F("version") + 1)  # as the commit does
        return seen

    monkeypatch.setattr(inputs, "forecast", meanwhile)
    record.refresh(shop.pk)
    assert due() == set(), "ten seconds have not passed"
    long_ago()
    assert due() == {shop.pk}


def test_the_rounds_of_entries_that_ended_give_the_cost_of_one_that_has_not_begun() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    for where, cost in ((shop, "1"), (other, "4")):
        spent = an_entry(where, budget=cost)
        Hold.objects.create(project=project(where), account=spent.account, session_ref=spent.pk, amount=0)
        a_charge(spent, cost)
        RoundSpend.objects.filter(account_id=spent.pk).update(improvement_score=1.0)
        Entry.objects.filter(pk=spent.pk).update(**CLOSED)
    fresh = an_entry(shop, budget="9")
    assert inputs.final_costs(project(shop)) == {fresh.pk: pytest.approx(usd(1), rel=0.01)}
