"""The allocation on real accounts: what it reads, writes, records, and leaves alone."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budget import allocation
from budget.allocation import policy, reallocation, sharing
from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, Hold, Project, RoundSpend
from orchestration import sessions
from orchestration.backlog import deletion, splitting
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


def test_what_is_read_of_each_entry_and_of_the_workspaces_rules() -> None:
    shop = a_workspace(cap="90", budget="80", min_round_usd=0.5, round_ceiling_usd=3, plateau={"rounds": 2, "epsilon": 0.2})
    first, after, held = some_entries(
        shop,
        Draft("a", ref="a", budget=usd(9), budget_rounds=4, priority=Entry.Priority.HIGH),
        Draft("b", budget=usd(2), depends_on=("a",)),
        Draft("c", budget=usd(3)),
    )
    a_charge(first, "1", round=1)
    a_charge(first, "0.5", round=2)
    RoundSpend.objects.filter(number=1).update(improvement_score=0.25)
    Entry.objects.filter(pk=first.pk).update(rounds_completed=1)
    Entry.objects.filter(pk=held.pk).update(status="blocked", reason_code="human_hold", reason_message="x")
    caps.toggle_lock(held.account, by=ANA)
    Hold.objects.create(project=project(shop), account=first.account, session_ref="s", amount=usd(2))
    read = reallocation.snapshot(project(shop), policy.load(shop.pk))
    assert (read.total_budget, read.max_project_spend, read.spent, read.held) == (usd(80), usd(90), usd("1.5"), usd(2))
    assert (read.min_round, read.round_ceiling, read.plateau_rounds, read.plateau_epsilon) == (usd("0.5"), usd(3), 2, 0.2)
    rows = {row.id: row for row in read.rows}
    assert rows.keys() == {first.pk, after.pk, held.pk} and read.history == ()
    single = rows[first.pk]
    assert (single.seq, single.priority, single.budget, single.ceiling) == (1, Entry.Priority.HIGH, usd(9), usd(12))
    assert (single.spent, single.held) == (usd("1.5"), usd(2))
    assert (single.locked, single.ready, single.rounds_left, single.counted, single.prior) == (False, True, 3, 1, None)
    assert [(round_.cost, round_.gain) for round_ in single.rounds] == [(usd(1), 0.25), (usd("0.5"), None)]
    assert (rows[after.pk].ready, rows[held.pk].locked, rows[held.pk].status) == (False, True, "waiting")


def test_a_round_that_is_under_way_is_no_round_yet() -> None:
    shop = a_workspace(cap="50")
    session = a_session(an_entry(shop, budget="9"))
    a_charge(session.entry, "1", round=1)
    [row] = reallocation.snapshot(project(shop), policy.load(shop.pk)).rows
    assert (row.status, row.held, row.rounds) == ("running", usd(5), ())
    RoundSpend.objects.update(improvement_score=0.5)  # its verdict is in, and the session goes on
    [row] = reallocation.snapshot(project(shop), policy.load(shop.pk)).rows
    assert [round_.gain for round_ in row.rounds] == [0.5]


def test_ended_entries_are_read_while_they_have_money_and_rounds_count_also_of_deleted_ones() -> None:
    shop, other = a_workspace(cap="50"), a_workspace(cap="50", name="Other")
    rich, poor, gone, open_one, theirs = (an_entry(where, budget="3") for where in (shop, shop, shop, shop, other))
    for n, entry in enumerate((rich, poor, gone, theirs), start=1):
        Hold.objects.create(project=project(entry.workspace), account=entry.account, session_ref=entry.pk, amount=0)
        a_charge(entry, "3" if entry == poor else f"0.{n}")
    Entry.objects.filter(pk__in=[rich.pk, poor.pk]).update(**CLOSED)
    deletion.delete_all([gone], by=ANA)
    read = reallocation.snapshot(project(shop), policy.load(shop.pk))
    assert {row.id for row in read.rows} == {rich.pk, open_one.pk}
    assert {row.id for row in reallocation.snapshot(project(shop), policy.load(shop.pk), sample=9).rows} == {open_one.pk}
    assert sorted(rounds[0].cost for rounds in read.history) == [usd("0.1"), usd("0.3"), usd(3)]


def test_of_a_sample_no_more_entries_and_only_their_rounds_are_read() -> None:
    shop = a_workspace(cap="50")
    for n in range(4):
        a_charge(an_entry(shop, budget="3"), f"0.{n + 1}")
    read = reallocation.snapshot(project(shop), policy.load(shop.pk), sample=2)
    assert [row.id for row in read.rows] == sorted(Account.objects.values_list("pk", flat=True))[:2]
    assert all(len(row.rounds) == 1 for row in read.rows) and read.history == ()


def test_only_open_entries_on_the_backlog_are_counted() -> None:
    shop = a_workspace()
    done, gone, whole, *_ = (an_entry(shop, budget="2") for _ in range(5))
    an_entry(a_workspace(name="Other"))
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    deletion.delete_all([gone], by=ANA)
    splitting.split(whole, [Draft("One"), Draft("Two")], by=ANA)
    assert reallocation.count_open(project(shop)) == 4
    rows = reallocation.snapshot(project(shop), policy.load(shop.pk)).rows
    assert whole.pk not in {row.id for row in rows} and gone.pk not in {row.id for row in rows}


def test_a_usual_round_is_the_median_of_verified_ones_that_cost_something() -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    usual = lambda: reallocation.usual_round(shop.pk, min_round=usd("0.05"), max_round=usd(5))  # noqa: E731
    entry, theirs = an_entry(shop, budget="9"), an_entry(other, budget="9")
    for single in (entry, theirs):
        Hold.objects.create(project=project(single.workspace), account=single.account, session_ref=single.pk, amount=usd(1))
    for number, cost in enumerate(("1", "2", "4", "0"), start=1):
        a_charge(entry, cost, round=number)
        a_charge(theirs, "5", round=number)
    assert usual() is None
    RoundSpend.objects.exclude(account=entry.account, number=3).update(improvement_score=0.1)
    assert usual() == usd("1.5")


def test_what_a_person_locked_or_changed_meanwhile_is_skipped_by_name() -> None:
    shop = a_workspace(cap="90", budget="90")
    locked, edited, stays = (an_entry(shop, budget="2") for _ in range(3))
    changes = [sharing.Change(entry.pk, usd(2), usd(3), "why") for entry in (locked, edited, stays)]
    caps.toggle_lock(locked.account, by=ANA)
    Account.objects.filter(pk=edited.pk).update(budget=usd(2) + 1)
    with transaction.atomic():
        changed, skipped = reallocation._carry_out(changes)
    assert [change.account_id for change in changed] == [stays.pk]
    assert {skip.account_id: skip.reason for skip in skipped} == {
        locked.pk: "Locked at $2.00 by ana meanwhile",
        edited.pk: "Its money changed meanwhile: considered again next time",
    }
    assert [Account.objects.get(pk=entry.pk).budget for entry in (locked, edited, stays)] == [usd(2), usd(2) + 1, usd(3)]


def test_what_was_skipped_is_not_given_out() -> None:
    """Its pool counted on what another entry was to give back."""
    shop = a_workspace(cap="20", budget="20")
    done, _ = some_entries(shop, Draft("done", budget=usd(6)), Draft("waits", budget=0))
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    planned = reallocation.preview(shop.pk)
    assert planned.pool == usd(20) and {change.account_id for change in planned.changes} > {done.pk}
    real = reallocation._carry_out
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reallocation, "_carry_out", lambda changes: meanwhile(done) or real(changes))
        outcome = reallocation.run(shop.pk, by=ANA, source=BudgetChange.Source.ADMIN)
    assert [skip.account_id for skip in outcome.skipped] == [done.pk]
    assert outcome.unallocated == max(planned.unallocated - usd(6), 0)
    assert set(BudgetChange.objects.filter(actor="ana").values_list("source", flat=True)) == {"admin"}


def meanwhile(entry: Entry) -> None:
    """The last request of its agent is booked late."""
    a_charge(entry, "0.5")


def test_what_ended_either_way_gives_back_and_what_is_out_of_money_stays_in_line() -> None:
    shop, other = a_workspace(cap="50"), a_workspace(cap="50", name="Other")
    done, failed, poor, held, theirs = (an_entry(where, budget="3") for where in (shop, shop, shop, shop, other))
    Entry.objects.filter(pk__in=[done.pk, theirs.pk]).update(**CLOSED)
    Entry.objects.filter(pk=failed.pk).update(status="failed", reason_code="no_improvement")
    for entry, code in ((poor, "budget_exceeded"), (held, "human_hold")):
        Entry.objects.filter(pk=entry.pk).update(status="blocked", reason_code=code, reason_message="x")
    read = reallocation.snapshot(project(shop), policy.load(shop.pk))
    assert {row.id: row.status for row in read.rows} == {
        done.pk: "done",
        failed.pk: "failed",
        poor.pk: "blocked",
        held.pk: "waiting",
    }


def test_medians_are_of_the_newest_sessions_of_this_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, other = a_workspace(cap="50"), a_workspace(cap="50", name="Other")
    monkeypatch.setattr(reallocation, "HISTORY", 2)
    entries = [an_entry(where, budget="9") for where in (shop, shop, shop, other, other, other)]
    for n, entry in enumerate(entries, start=1):
        Hold.objects.create(project=project(entry.workspace), account=entry.account, session_ref=entry.pk, amount=0)
        a_charge(entry, f"0.{n}")
    RoundSpend.objects.update(improvement_score=0.5)
    Entry.objects.update(**CLOSED)
    read = reallocation.snapshot(project(shop), policy.load(shop.pk))
    assert sorted(rounds[0].cost for rounds in read.history) == [usd("0.2"), usd("0.3")]
    assert reallocation.usual_round(shop.pk, min_round=1, max_round=usd(5)) == usd("0.25")


def test_a_run_is_on_record_with_what_it_skipped_and_makes_no_other_due(django_capture_on_commit_callbacks: Any) -> None:
    shop = a_workspace(cap="20", budget="20")
    done, locked, _ = some_entries(shop, Draft("done", budget=usd(6)), Draft("locked", budget=usd(2)), Draft("waits", budget=0))
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    caps.toggle_lock(locked.account, by=ANA)
    Project.objects.update(allocation_due=None)
    received: list[tuple[str, str | None, bool]] = []
    receiver = lambda **message: received.append((message["workspace_id"], message["entry_id"], message["shared_out"]))  # noqa: E731
    caps.changed.connect(receiver, weak=False)
    with django_capture_on_commit_callbacks(execute=True):
        outcome = reallocation.run(shop.pk, by=ANA)
    caps.changed.disconnect(receiver)
    assert received == [(shop.pk, None, True)] and project(shop).allocation_due is None
    [event] = Event.objects.filter(verb="budget.reallocated")
    assert (event.object_id, event.actor) == (shop.pk, "ana")
    given = {"pool_usd": outcome.pool / usd(1), "unallocated_usd": outcome.unallocated / usd(1)}
    assert event.data == {"changed": 2, "skipped": 1} | given and outcome.pool == usd(18)
