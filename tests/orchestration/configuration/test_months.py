"""A credential's month: what the ledger books for its agents, or a plan's price of it, stops them until the first of the next one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budget.amounts import usd
from budget.ledger import corrections
from budget.models import Category, LedgerEntry
from orchestration import sessions
from orchestration.configuration import credentials, windows
from orchestration.configuration.windows import months
from orchestration.edge import credential_states
from orchestration.executor import dispatch, explain
from orchestration.models import Credential, Executor, Session
from orchestration.sessions import metering
from orchestration.sessions.metering import Usage
from tests.factories import ANA, a_worker, a_workspace, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
NAME = "command default"


def a_shop(**config: Any) -> Workspace:
    a_worker()
    return a_workspace(max_workers=1, **{"agent": {"command": "true"}, **config})


def limited(shop: Workspace, amount: float = 0.5, name: str = NAME, **more: Any) -> Credential:
    return credentials.put(shop.pk, name, {"stop_at": {"usd_month": amount}, **more}, by=ANA)


def at_work(shop: Workspace) -> Session:
    [entry] = some_entries(shop, "One")
    dispatch.cycle(shop.pk)
    session = Session.objects.get(entry=entry)
    taken = sessions.take(session.pk, attempt=session.attempt, worker=a_worker())
    assert taken is not None
    Session.objects.filter(pk=taken.pk).update(round_number=1)
    taken.refresh_from_db()
    return taken


def used(name: str = NAME) -> float | None:
    reading = Credential.objects.get(name=name).windows.get("usd_month")
    return reading and reading["used"]


def test_dispatch_stops_at_the_months_limit_and_resumes_by_itself_in_the_next_month() -> None:
    shop = a_shop()
    limited(shop)
    session = at_work(shop)
    assert metering.record(session, Usage("1", usd("0.3"))) and used() == 0.3
    assert not metering.record(session, Usage("1", usd("0.3"))) and used() == 0.3, "once"
    assert not Event.objects.filter(verb="agent.window_reached").exists()
    metering.record(session, Usage("2", usd("0.25")))
    assert used() == 0.55
    assert Event.objects.get(verb="agent.window_reached").reason == "$0.55 is spent this month, and it stops at $0.50."
    sessions.conclude(session, sessions.Ending(Session.Outcome.CRASHED, "It broke"))
    [entry] = some_entries(shop, "Two")
    assert dispatch.cycle(shop.pk).started == []
    why = explain.reasons(shop.pk, [entry.pk])[entry.pk].why
    assert why and why.message.startswith("$0.55 is spent this month, and it stops at $0.50. Tried again in ")
    row = Credential.objects.get()
    reset = datetime.fromtimestamp(row.windows["usd_month"]["resets_at"], UTC)
    assert (reset.day, reset.hour, reset.minute) == (1, 0, 0) and datetime.now(UTC) < reset < datetime.now(UTC) + timedelta(
        days=32
    )
    row.windows["usd_month"]["resets_at"] = datetime.now(UTC).timestamp() - 1
    row.save()
    [state] = credential_states.of_executor(Executor.objects.get(pk=shop.pk))
    assert [(each.title, each.used) for each in state.windows(datetime.now(UTC))] == [("month", 0)]
    assert len(dispatch.cycle(shop.pk).started) == 1


def test_a_new_month_begins_at_nothing() -> None:
    shop = a_shop()
    row = limited(shop)
    row.windows["usd_month"] = {"used": 9, "resets_at": datetime.now(UTC).timestamp() - 1, "read_at": 0}
    row.save()
    session = at_work(shop)
    metering.record(session, Usage("1", usd("0.1")))
    metering.record(session, Usage("2", usd("0.1")))
    assert used() == 0.2


def test_what_a_plan_pays_counts_at_its_price_and_a_free_request_does_not() -> None:
    shop = a_shop()
    limited(shop, billing="plan")
    session = at_work(shop)
    metering.record(session, Usage("1", usd("0.25"), "a model without a price", 1000, 100))
    assert used() == 0.25 and session.entry.account.spent == 0
    metering.record(session, Usage("2", None, "gpt-5", 1_000_000))
    priced = LedgerEntry.objects.latest("pk")
    assert priced.amount == 0 and priced.computed and used() == float(usd("0.25") + priced.computed) / 1e6
    before = used()
    metering.record(session, Usage("3", 0, "gpt-5", 1_000_000))
    assert used() == before
    assert limited(shop, 9).windows["usd_month"]["used"] == before, "the ledger says the same"


def test_a_limit_that_is_set_later_counts_what_the_month_has_cost() -> None:
    shop = a_shop()
    session = at_work(shop)
    metering.record(session, Usage("1", usd("0.4")))
    before = months.first_of_month(datetime.now(UTC)) - timedelta(seconds=1)
    metering.book(session, Usage("2", usd("7")), Category.ENTRY, role="implement", at=before)
    assert limited(shop).windows["usd_month"]["used"] == 0.4
    metering.book(session, Usage("3", usd("7")), Category.ENTRY, role="implement", at=before)
    metering.record(session, Usage("4", usd("0.01")))
    assert used() == 0.41
    credentials.put(shop.pk, NAME, {"stop_at": None}, by=ANA)
    assert Credential.objects.get().windows == {}
    metering.record(session, Usage("5", usd("0.01")))
    assert Credential.objects.get().windows == {}


def test_a_correction_in_the_ledger_resumes_the_agents(django_capture_on_commit_callbacks: Any) -> None:
    shop = a_shop()
    limited(shop)
    metering.record(at_work(shop), Usage("1", usd("0.6")))
    with django_capture_on_commit_callbacks(execute=True):
        corrections.correct(LedgerEntry.objects.get(), usd("-0.5"), by=ANA, reason="Wrong", key="k")
    row = Credential.objects.get()
    assert used() == 0.1 and windows.stop(row.windows, row.stop_at, at=datetime.now(UTC).timestamp()) is None


def test_each_agent_of_a_session_counts_for_its_own_credential() -> None:
    named = {"kind": "codex", "credential": "team"}
    shop = a_shop()
    credentials.put(shop.pk, "team", {}, by=ANA)
    Executor.objects.filter(pk=shop.pk).update(
        config={
            "agent": {"command": "true"},
            "agents": {"strong": named},
            "interceptor": {"agent": "strong"},
            "verifier": {"agent": named},
        }
    )
    for name in (NAME, "team"):
        limited(shop, 50, name)
    session = at_work(shop)
    metering.record(session, Usage("1", usd("0.1")))
    metering.record(session, Usage("1", usd("0.2")), Category.INTERCEPTOR, role="review")
    metering.record(session, Usage("1", usd("0.4")), role="verify")
    assert (used(), used("team")) == (0.1, 0.6)
    credentials.recount_months(shop.pk)
    assert (used(), used("team")) == (0.1, 0.6)


def test_a_limit_for_the_month_costs_a_cycle_no_statement() -> None:
    shop = a_shop()

    def statements() -> int:
        with CaptureQueriesContext(connection) as seen:
            dispatch.cycle(shop.pk)
        return len(seen)

    Credential.objects.create(workspace=shop, name=NAME)
    before = statements()
    limited(shop)
    assert statements() == before


def test_the_reading_of_a_plans_window_keeps_that_of_the_month() -> None:
    shop = a_shop()
    limited(shop)
    metering.record(at_work(shop), Usage("1", usd("0.3")))
    resets = datetime.now(UTC).timestamp() + 3600
    windows.record(shop.pk, NAME, [windows.Reading(300, 10.0, resets)])
    assert used() == 0.3 and Credential.objects.get().windows["pct_5h"]["used"] == 10.0
