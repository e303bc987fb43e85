"""The allocation on real accounts: what it reads, writes, tells, and leaves alone."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budget import allocation
from budget.allocation import policy, reallocation
from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, Hold
from orchestration import sessions
from orchestration.backlog.entries import Draft
from orchestration.models import Entry, Session
from tests.factories import ANA, CLOSED, a_charge, a_session, a_workspace, an_entry, ended, project, some_entries
from workspaces.access import MUSTER
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def budgets(workspace: Workspace) -> list[float]:
    return [row.budget / usd(1) for row in Account.objects.filter(project_id=workspace.pk).order_by("entry__seq")]


def run(workspace: Workspace) -> reallocation.Outcome:
    return reallocation.run(workspace.pk, by=MUSTER)


def test_what_an_ended_entry_has_left_goes_to_those_that_need_it() -> None:
    shop = a_workspace(cap="6", budget="6")
    done, _ = some_entries(shop, Draft("done", budget=usd(6)), Draft("waits", budget=0))
    a_charge(done, "1")
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    outcome = run(shop)
    assert budgets(shop) == [1, 5] and outcome.pool == usd(5) and outcome.unallocated == 0
    assert [row.reason for row in BudgetChange.objects.filter(account_id=done.pk)] == ["Returned $5.00 to the pool: it is done"]


def test_a_dry_run_changes_and_records_nothing() -> None:
    shop = a_workspace(cap="6")
    an_entry(shop, budget="0")
    assert len(reallocation.run(shop.pk, by=ANA, dry_run=True).changes) == 1
    assert budgets(shop) == [0] and not BudgetChange.objects.exists()


def test_each_change_is_in_the_books_and_one_line_in_activity() -> None:
    shop = a_workspace(cap="8", budget="8")
    entry, locked = an_entry(shop, budget="0"), an_entry(shop, budget="1")
    caps.toggle_lock(locked.account, by=ANA)
    outcome = reallocation.run(shop.pk, by=ANA)
    change = BudgetChange.objects.get(field="budget")
    assert (change.account_id, change.source, change.actor, change.reason) == (
        entry.pk,
        "allocation",
        "ana",
        outcome.changes[0].reason,
    )
    data = Event.objects.get(verb="budget.reallocated").data
    assert data == {"changed": 1, "skipped": 1, "pool_usd": 7, "unallocated_usd": 0}
    assert [skipped.account_id for skipped in outcome.skipped] == [locked.pk]


def test_run_again_it_writes_nothing() -> None:
    shop = a_workspace(cap="9", budget="9")
    some_entries(shop, *(Draft(f"do {n}", budget=0) for n in range(5)))
    assert run(shop).changes and not run(shop).changes
    assert Event.objects.filter(verb="budget.reallocated").count() == 1


def test_a_running_session_keeps_its_reservation() -> None:
    shop = a_workspace(cap="10", budget="10", round_ceiling_usd=2)
    session = a_session(an_entry(shop, budget="5"))
    caps.set_project(project(shop), "max_project_spend", usd(1), by=ANA)
    run(shop)
    account = Account.objects.get()
    assert (account.held, account.budget) == (usd(2), usd(2))
    assert Hold.objects.get(session_ref=session.pk).amount == usd(2)


@pytest.mark.parametrize("number", [2, 40])
def test_it_reads_the_same_number_of_times_whatever_the_backlog(number: int) -> None:
    shop = a_workspace(cap="1000")
    for entry in some_entries(shop, *(Draft(f"do {n}", budget=usd(1)) for n in range(number))):
        a_charge(entry, "0.1")
    with CaptureQueriesContext(connection) as context:
        reallocation.preview(shop.pk)
    assert len(context.captured_queries) == 5


def test_a_person_who_reopened_a_plateau_is_not_overruled() -> None:
    shop = a_workspace(cap="50", plateau={"rounds": 1, "epsilon": 0.3})
    entry = an_entry(shop, budget="3")
    ended(a_session(entry), score=0.2)
    assert run(shop).changes[0].after == 0
    Entry.objects.filter(pk=entry.pk).update(status="pending", reason_code="", reason_message="", rounds_completed=0)
    assert run(shop).changes[0].after > 0


def test_what_waits_for_a_person_gets_no_more_than_it_has() -> None:
    shop = a_workspace(cap="50")
    session = a_session(an_entry(shop, budget="3"))
    sessions.stop(shop.pk, session.pk, by=ANA)
    assert sessions.conclude(session, sessions.Ending(Session.Outcome.STOPPED))
    assert run(shop).changes == () and budgets(shop) == [3]


def test_a_budget_is_never_set_below_what_was_spent_since_it_was_read() -> None:
    shop = a_workspace(cap="20", budget="20")
    done, waits = some_entries(shop, Draft("done", budget=usd(6)), Draft("waits", budget=0))
    a_charge(done, "1")
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    read = allocation.allocate(reallocation.snapshot(project(shop), policy.load(shop.pk)))
    assert {change.account_id: change.after for change in read.changes}[done.pk] == usd(1)
    a_charge(done, "0.5")  # the last request of its agent is booked late
    with transaction.atomic():
        changed, skipped = reallocation._carry_out(read.changes)
    assert [change.account_id for change in changed] == [waits.pk]
    assert [skip.account_id for skip in skipped] == [done.pk] and "changed meanwhile" in skipped[0].reason
    assert Account.objects.get(pk=done.pk).budget == usd(6)
