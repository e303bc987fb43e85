"""Entries without their own budget: their shares of the plan when money comes or goes."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.test import TestCase

from budget.amounts import usd
from budget.limits import allocated, caps
from budget.models import Account, BudgetChange, Project
from orchestration import funding
from orchestration.backlog import entries, entry_actions, entry_state
from orchestration.backlog.entries import Draft
from orchestration.backlog.rules.transitions import NO_MONEY_LEFT, Next
from orchestration.executor import dispatch, reconcile
from orchestration.funding import first_rounds, pool, raising
from orchestration.messaging import publishing
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_session, a_worker, a_workspace, an_entry, ended, project, sessions_of, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def after_commit(workspace: Workspace, action: Any) -> None:
    """Run an action with its on-commit callbacks, then share out."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        action()
    funding.share_out(workspace.pk)


def states(workspace: Workspace) -> list[tuple[float, str, str]]:
    rows = Entry.objects.filter(workspace=workspace, deleted_at__isnull=True).select_related("account").order_by("seq")
    return [(row.account.budget / usd(1), row.status, row.reason_code) for row in rows]


NO_MONEY = (0, "blocked", "project_budget_exceeded")
NO_SHARE = (0, "pending", "")


def test_with_plenty_each_gets_a_full_ceiling_for_each_of_its_rounds() -> None:
    shop = a_workspace(budget="0")
    some_entries(shop, "a", Draft("b", budget_rounds=2))
    assert states(shop) == [(25, "pending", ""), (10, "pending", "")]


def test_with_little_money_the_first_entries_get_a_round_each_and_others_wait() -> None:
    shop = a_workspace(cap="12")
    some_entries(shop, "a", "b", Draft("c", priority=Entry.Priority.HIGH), "d", Draft("e", budget=usd(1)))
    assert states(shop) == [(5, "pending", ""), (1, "pending", ""), (5, "pending", ""), NO_SHARE, (1, "pending", "")]
    assert list(Account.objects.order_by("entry__seq").values_list("own_budget", flat=True)) == [False] * 4 + [True]


def test_entries_that_can_start_come_before_dependents() -> None:
    shop = a_workspace(cap="5")
    some_entries(shop, Draft("later", priority=Entry.Priority.CRITICAL, depends_on=("now",)), Draft("now", ref="now"))
    assert [budget for budget, _, _ in states(shop)] == [0, 5]


def test_a_raised_cap_unblocks_entries_at_once() -> None:
    shop = a_workspace(cap="5", budget="0")
    some_entries(shop, "a", "b")
    after_commit(shop, lambda: caps.set_project(project(shop), "max_project_spend", usd(8), by=ANA))
    assert states(shop) == [(5, "pending", ""), (3, "pending", "")]
    assert (
        BudgetChange.objects.get(source="allocation").reason == "Raised from $0.00 to $3.00: its share of what the plan has left"
    )


def test_the_rest_of_a_finished_entrys_budget_goes_to_the_next() -> None:
    shop = a_workspace(cap="5")
    first, _ = some_entries(shop, "a", "b")
    a_charge(first, "1")
    after_commit(shop, lambda: entry_actions.mark_done(first, by=ANA))
    assert states(shop) == [(5, "done", ""), (4, "pending", "")]


def test_a_deleted_entry_and_a_lowered_budget_leave_theirs_too() -> None:
    shop = a_workspace(cap="10")
    first, second, *_ = some_entries(shop, "a", "b", "c", "d")
    after_commit(shop, lambda: entries.delete(first, by=ANA))
    after_commit(shop, lambda: caps.edit(second.account, usd(1), by=ANA))
    assert states(shop) == [(1, "pending", ""), (5, "pending", ""), (4, "pending", "")]


def test_an_entry_that_used_up_its_share_gets_more_while_the_plan_has_money() -> None:
    shop = a_workspace(cap="8", budget="0", round_ceiling_usd=4)
    first, _ = some_entries(shop, Draft("a", budget_rounds=2), Draft("b", budget=0, priority=Entry.Priority.LOW))
    Account.objects.filter(pk=first.pk).update(budget=usd(4))
    session = a_session(first)
    a_charge(first, "4")
    after_commit(shop, lambda: ended(session, score=0.5))
    assert states(shop)[0] == (8, "pending", "")


def test_an_entry_without_money_is_blocked_with_its_reason() -> None:
    a_worker()
    shop = a_workspace(cap="1")
    entry = an_entry(shop, budget="0")
    Account.objects.filter(pk=entry.pk).update(own_budget=False)
    Project.objects.filter(pk=shop.pk).update(max_project_spend=0)
    dispatch.cycle(shop.pk)
    assert states(shop) == [NO_MONEY] and sessions_of(shop) == []
    assert "raise the total budget or the cap" in Entry.objects.get().reason_message


def test_nothing_is_blocked_before_anything_is_spent_whatever_the_number_of_entries() -> None:
    shop = a_workspace(cap="200", budget="200")
    some_entries(shop, *(f"do {n}" for n in range(202)))
    assert Entry.objects.filter(status="blocked").count() == 0
    assert allocated.allocated(shop.pk) == usd(200)


def test_many_requests_cost_one_run_and_the_tick_finds_a_lost_message(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = a_workspace(cap="5", state="paused")
    first, second = some_entries(shop, "a", "b")
    monkeypatch.setattr(publishing, "enqueue", lambda *args, **more: None)
    for _ in range(3):
        funding.mark_due(shop.pk)
    entry_actions.mark_done(first, by=ANA)
    reconcile.run()
    assert Account.objects.get(pk=second.pk).budget == usd(5) and project(shop).allocation_due is None
    runs = BudgetChange.objects.count()
    funding.share_out(shop.pk)
    assert BudgetChange.objects.count() == runs


def test_with_auto_reallocate_a_settled_round_shares_out_anew() -> None:
    shop = a_workspace(cap="10", budget="10", auto_reallocate=True, round_ceiling_usd=2)
    good, other = some_entries(shop, Draft("good", budget=usd(2)), Draft("other", budget=usd(8)))
    session = a_session(good)
    a_charge(good, "1.99")
    after_commit(shop, lambda: ended(session, score=0.9))
    assert BudgetChange.objects.filter(account_id=good.pk, source="allocation").get().reason.startswith("Raised from $2.00 to $")
    assert states(shop)[0][1:] == ("pending", "") and Account.objects.get(pk=other.pk).budget < usd(8)


def test_without_auto_reallocate_own_budgets_stay() -> None:
    shop = a_workspace(cap="10", budget="10", round_ceiling_usd=2)
    good, _ = some_entries(shop, Draft("good", budget=usd(2)), Draft("other", budget=usd(8)))
    session = a_session(good)
    a_charge(good, "1.99")
    after_commit(shop, lambda: ended(session, score=0.9))
    assert states(shop) == [(2, "blocked", "budget_exceeded"), (8, "in_progress", "")]


def test_entries_without_money_are_recorded_in_one_event() -> None:
    shop = a_workspace(cap="5")
    a_charge(None, "5", category="orchestrator", in_=shop)
    some_entries(shop, "a", "b", "c")
    assert Event.objects.get(verb="entries.added").data["without_money"] == 3
    assert not Event.objects.filter(verb="entry.blocked").exists()


@pytest.mark.parametrize("automatic", [False, True])
def test_a_reopened_entry_gets_money_for_its_rounds_whatever_it_cost_before(automatic: bool) -> None:
    shop = a_workspace(cap="100", budget="100", round_ceiling_usd=2, auto_reallocate=automatic)
    [entry] = some_entries(shop, entries.Draft("hard", budget_rounds=2))
    a_charge(entry, "4")
    Entry.objects.filter(pk=entry.pk).update(status="failed", reason_code="rounds_exhausted", rounds_completed=2)
    entry_actions.resume(Entry.objects.get(pk=entry.pk), by=ANA)
    a_worker()
    reconcile.run()  # finds the entry without money
    reconcile.run()
    entry.refresh_from_db()
    assert entry.status in ("pending", "in_progress") and Account.objects.get(pk=entry.pk).budget >= usd(6)


def test_a_lowered_ceiling_does_not_leave_an_entry_without_money() -> None:
    shop = a_workspace(cap="100", budget="100", round_ceiling_usd=1)
    [entry] = some_entries(shop, "started when a round might cost five")
    Account.objects.filter(pk=entry.pk).update(budget=usd(6))
    a_charge(entry, "6")
    a_worker()
    reconcile.run()
    reconcile.run()
    assert Entry.objects.get(pk=entry.pk).status in ("pending", "in_progress")


def test_entries_that_are_added_one_by_one_get_a_round_each_too() -> None:
    shop = a_workspace(cap="20", budget="20")
    for name in "abcde":
        some_entries(shop, name)
    assert states(shop) == [(5, "pending", "")] * 4 + [NO_SHARE]
    assert Account.objects.aggregate(sum=Sum("budget"))["sum"] == usd(20)
    lowered = BudgetChange.objects.filter(source="allocation").order_by("id").first()
    assert lowered and lowered.reason == "Lowered from $20.00 to $15.00: a round for each entry comes before a second one for any"
    assert Event.objects.filter(verb="budget.made_room").count() == 3


def test_money_is_reclaimed_from_the_last_in_line_and_never_from_own_budgets() -> None:
    shop = a_workspace(cap="40", budget="40")
    some_entries(
        shop,
        Draft("own", budget=usd(12)),
        Draft("first", budget_rounds=2),
        Draft("low", budget_rounds=2, priority=Entry.Priority.LOW),
    )
    caps.toggle_lock(Account.objects.get(entry__seq=2), by=ANA, reason="agreed")
    some_entries(shop, Draft("new", budget_rounds=3))
    assert [budget for budget, _, _ in states(shop)] == [12, 10, 10, 8]
    some_entries(shop, Draft("newer"), Draft("newest"))
    assert [budget for budget, _, _ in states(shop)] == [12, 10, 5, 5, 5, 3]


def test_a_running_round_keeps_its_money_when_shares_are_reclaimed() -> None:
    shop = a_workspace(cap="20", budget="20")
    (first,) = some_entries(shop, "a")
    a_session(first)
    a_charge(first, "1")
    some_entries(shop, "b", "c", "d")
    account = Account.objects.get(pk=first.pk)
    assert account.budget >= account.spent + account.held and account.budget - account.spent >= usd(5)
    assert [status for _, status, _ in states(shop)] == ["in_progress", "pending", "pending", "pending"]


def test_an_entry_blocked_without_money_gets_its_first_round_when_money_is_shared_out() -> None:
    shop = a_workspace(cap="20", budget="20")
    rich, poor = some_entries(shop, "rich", "poor")
    Account.objects.filter(pk=rich.pk).update(budget=usd(20))
    Account.objects.filter(pk=poor.pk).update(budget=0)
    entry_state.move(poor, Next("blocked", "project_budget_exceeded", NO_MONEY_LEFT))
    funding.share_out(shop.pk)
    assert states(shop) == [(15, "pending", ""), (5, "pending", "")]


def test_reserved_money_is_not_spare() -> None:
    shop = a_workspace(cap="10", budget="10")
    a_session(an_entry(shop, budget="4"))
    assert project(shop).held == usd(4) and pool.spare(shop.pk) == usd(6)


def test_a_share_is_not_raised_by_money_that_was_charged_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = a_workspace(cap="6", budget="6")
    [entry] = some_entries(shop, "a")
    Account.objects.update(budget=usd(5))  # a dollar is spare
    look = first_rounds.idle_shares

    def charged_meanwhile(*args: Any) -> Any:
        a_charge(None, "1", category="orchestrator", in_=shop)
        return look(*args)

    monkeypatch.setattr(first_rounds, "idle_shares", charged_meanwhile)
    with pytest.raises(IntegrityError, match="charge came between"), transaction.atomic():
        raising.raise_shares(shop.pk, {entry.account_id: usd(6)})
    assert Account.objects.get(pk=entry.account_id).budget == usd(5)


@pytest.mark.parametrize("act", ["set", "lock"])
def test_what_a_person_set_or_locked_is_set_aside(act: str) -> None:
    shop = a_workspace(cap="40", budget="40")
    [entry] = some_entries(shop, Draft("own", budget=usd(12)) if act == "set" else "a share")
    if act == "lock":
        Account.objects.update(budget=usd(12))
        caps.toggle_lock(Account.objects.get(pk=entry.account_id), by=ANA)
    assert (pool.plan(shop.pk).set_aside, pool.plan(shop.pk).free) == (usd(12), usd(28))
