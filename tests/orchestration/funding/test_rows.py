"""Shares row by row: whose they are, who gives first, how much, and what is on record."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, BudgetChange, Hold, Project
from orchestration import funding
from orchestration.backlog import deletion, splitting
from orchestration.backlog.entries import Draft
from orchestration.facts.reasons import Reason
from orchestration.funding import changes, first_rounds, pool, raising, unblocking
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor
from tests.factories import ANA, CLOSED, a_charge, a_workspace, an_entry, project, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    """$20 of a plan; beside it a workspace whose money must never count here."""
    some_entries(a_workspace(name="Other", cap="500"), "theirs")
    return a_workspace(cap="30", budget="20")


def shares(workspace: Workspace, *dollars: float, **entry: Any) -> list[Account]:
    """Entries with shares of so many dollars, in line."""
    created = some_entries(workspace, *(Draft(f"do {n}") for n in range(len(dollars))))
    for row, amount in zip(created, dollars, strict=True):
        Account.objects.filter(pk=row.pk).update(budget=usd(str(amount)), own_budget=False)
        Entry.objects.filter(pk=row.pk).update(**entry)
    return [Account.objects.get(pk=row.pk) for row in created]


def budgets(*accounts: Account) -> list[float]:
    return [Account.objects.get(pk=account.pk).budget / usd(1) for account in accounts]


def reserve(account: Account, dollars: str) -> None:
    Hold.objects.create(project=account.project, account=account, session_ref=account.pk, amount=usd(dollars))


def block(account: Account, reason: str) -> None:
    Entry.objects.filter(pk=account.pk).update(status="blocked", reason_code=reason, reason_message="x")


# The pool


def test_spare_is_what_neither_is_spent_nor_reserved_nor_in_an_open_budget(shop: Workspace) -> None:
    share, own, done, gone, over = shares(shop, 2, 3, 4, 5, 1)
    assert pool.spare(shop.pk) == usd(5)
    Account.objects.filter(pk=own.pk).update(own_budget=True)
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    deletion.delete_all([Entry.objects.get(pk=gone.pk)], by=ANA)
    assert pool.spare(shop.pk) == usd(14)
    reserve(share, "1")
    assert pool.spare(shop.pk) == usd(14)  # out of its own share
    a_charge(Entry.objects.get(pk=over.pk), "3")
    assert pool.spare(shop.pk) == usd(12)
    Project.objects.filter(pk=shop.pk).update(total_budget=usd(5))
    assert (pool.spare(shop.pk), pool.spare(shop.pk, signed=True)) == (0, -usd(3))


def test_what_entries_without_a_budget_may_reserve_is_the_plan_less_what_is_reserved_and_set_aside(shop: Workspace) -> None:
    share, own, locked, done = shares(shop, 2, 3, 4, 5)
    Account.objects.filter(pk__in=[own.pk, done.pk]).update(own_budget=True)
    caps.toggle_lock(locked, by=ANA)
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    for account, amount in ((share, "1"), (own, "0.5")):
        reserve(account, amount)
    plan = pool.plan(shop.pk)
    assert (plan.left, plan.held, plan.set_aside, plan.free) == (usd(20), usd("1.5"), usd("6.5"), usd(12))


# Who gives


def test_shares_give_in_order_of_those_that_need_them_last(shop: Workspace) -> None:
    first, second, stopped, later, running = shares(shop, 2, 2, 2, 2, 2)
    low, own, locked, gone, done = shares(shop, 2, 2, 2, 2, 2)
    Entry.objects.filter(pk=low.pk).update(priority=Entry.Priority.LOW)
    Entry.objects.filter(pk=later.pk).update(unmet_dependencies=1)
    block(stopped, Reason.NO_IMPROVEMENT)
    Entry.objects.filter(pk=running.pk).update(status="in_progress")
    Account.objects.filter(pk=own.pk).update(own_budget=True)
    caps.toggle_lock(locked, by=ANA)
    deletion.delete_all([Entry.objects.get(pk=gone.pk)], by=ANA)
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    line = [stopped.pk, later.pk, low.pk, second.pk, first.pk, running.pk]
    assert first_rounds.donors(project(shop), usd(1)) == line and first_rounds.donors(project(shop), usd(2)) == []
    assert first_rounds.idle_shares(project(shop), usd(99)) == line
    assert first_rounds.idle_shares(project(shop), usd(4)) == line[:2] and first_rounds.idle_shares(project(shop), 0) == []
    assert first_rounds.idle_shares(project(shop), usd(4) + 1) == line[:3]


def test_spent_and_reserved_money_is_not_idle_nor_what_is_reserved_next(shop: Workspace) -> None:
    spent, reserved, free = shares(shop, 2, 2, 2)
    a_charge(Entry.objects.get(pk=spent.pk), "2")
    reserve(reserved, "2")
    where = project(shop)
    assert first_rounds.idle_shares(where, usd(9)) == [free.pk]
    assert first_rounds.idle_shares(where, usd(9), {free.pk: usd(1)}) == [free.pk]
    assert first_rounds.idle_shares(where, usd(9), {free.pk: usd(2)}) == []
    assert first_rounds.donors(where, usd(1)) == [free.pk, reserved.pk]


def test_givers_together_make_up_the_amount_without_what_they_reserve_next(shop: Workspace) -> None:
    first, second, last = shares(shop, 2, 2, 2)
    next_up, where = {last.pk: usd(1), second.pk: 1}, project(shop)
    assert first_rounds.idle_shares(where, usd(3) - 1, next_up) == [last.pk, second.pk]
    assert first_rounds.idle_shares(where, usd(3), next_up) == [last.pk, second.pk, first.pk]


def test_without_a_name_no_share_comes_back(shop: Workspace) -> None:
    (stopped,) = shares(shop, 5)
    block(stopped, Reason.NO_IMPROVEMENT)
    with transaction.atomic():
        assert funding.give_back(shop.pk, []) == 0 and budgets(stopped) == [5]
        assert funding.give_back(shop.pk, [stopped.pk]) == 1 and budgets(stopped) == [0]


def test_each_giver_keeps_a_round_or_what_it_has_reserved(shop: Workspace) -> None:
    single, two, three, four = shares(shop, 5, 5, 5, 5)
    a_charge(Entry.objects.get(pk=single.pk), "1")
    reserve(two, "3")
    with transaction.atomic():
        given = first_rounds.reclaim(project(shop), [single.pk, two.pk, three.pk, four.pk], usd(6), usd(2))
    assert given == {single.pk: usd(2), two.pk: usd(2), three.pk: usd(2)} and budgets(single, two, three, four) == [3, 3, 3, 5]
    rows = BudgetChange.objects.filter(account=two).values_list("before", "after", "source", "actor", "reason")
    sentence = "Lowered from $5.00 to $3.00: a round for each entry comes before a second one for any"
    assert list(rows) == [(usd(5), usd(3), "allocation", "muster", sentence)]
    assert first_rounds.reclaim(project(shop), [four.pk], 0, 0) == {} and budgets(four) == [5]


def test_more_than_the_plan_has_is_taken_back_from_the_last_in_line(shop: Workspace) -> None:
    first, second = shares(shop, 5, 5)
    reserve(second, "2")
    with transaction.atomic():
        first_rounds.take_back(project(shop), usd(4))
    assert budgets(first, second) == [4, 2]
    assert BudgetChange.objects.get(account=first).reason == "Lowered from $5.00 to $4.00: the plan has no more for it"


def test_sharing_out_takes_back_what_does_not_go_on_and_what_a_lowered_plan_has_no_more(shop: Workspace) -> None:
    Account.objects.all().update(budget=0)
    first, second, stopped, own = shares(shop, 6, 6, 5, 3)
    Account.objects.filter(pk=own.pk).update(own_budget=True)
    block(stopped, Reason.NO_IMPROVEMENT)
    reserve(second, "2")
    Project.objects.filter(pk=shop.pk).update(total_budget=usd(20), allocation_due=None)
    funding.share_out(shop.pk)
    assert budgets(first, second, stopped, own) == [6, 6, 5, 3]  # nothing is due
    funding.mark_due(shop.pk)
    funding.share_out(shop.pk)
    assert budgets(first, second, stopped, own) == [6, 6, 0, 3] and pool.spare(shop.pk) == usd(5)
    Project.objects.filter(pk=shop.pk).update(total_budget=usd(10))
    funding.mark_due(shop.pk)
    funding.share_out(shop.pk)
    assert budgets(first, second, stopped, own) == [5, 2, 0, 3] and pool.spare(shop.pk, signed=True) == 0


# What is written


def test_a_raise_is_beyond_what_is_spent_and_reserved_and_leaves_locked_budgets(shop: Workspace) -> None:
    single, over, locked, same = shares(shop, 5, 1, 5, 5)
    a_charge(Entry.objects.get(pk=single.pk), "1")
    reserve(single, "1")
    a_charge(Entry.objects.get(pk=over.pk), "2")
    caps.toggle_lock(locked, by=ANA)
    BudgetChange.objects.all().delete()
    with transaction.atomic():
        given = {single.pk: usd(2), over.pk: usd(2), locked.pk: usd(2), same.pk: 0}
        assert changes.raise_by(project(shop), given, "a test") == 2
    assert budgets(single, over, locked, same) == [7, 4, 5, 5]
    assert set(BudgetChange.objects.values_list("reason", flat=True)) == {
        "Raised from $5.00 to $7.00: a test",
        "Raised from $1.00 to $4.00: a test",
    }


def test_any_number_of_budgets_is_written_and_recorded(shop: Workspace) -> None:
    many = shares(shop, *[1] * (changes.AT_ONCE + 1))
    with transaction.atomic():
        rows = changes.locked([account.pk for account in many])
        assert [row.pk for row in rows] == sorted(account.pk for account in many)
        assert changes.write(project(shop), [(row, usd(2)) for row in rows], "a test") == len(many)
    assert set(budgets(*many)) == {2} and BudgetChange.objects.count() == len(many)


# Shares that follow


def test_a_share_is_raised_to_what_is_reserved_next_out_of_spare_money_and_then_of_the_last_in_line(shop: Workspace) -> None:
    single, two, last = shares(shop, 1, 4, 14)
    with transaction.atomic():
        funding.raise_shares(shop.pk, {single.pk: usd("1.5")})
    assert budgets(single, two, last) == [1.5, 4, 14]
    with transaction.atomic():
        funding.raise_shares(shop.pk, {single.pk: usd(3), two.pk: usd(3)})
    assert budgets(single, two, last) == [3, 4, 13]
    reasons = BudgetChange.objects.order_by("id").values_list("reason", flat=True)
    assert set(reasons) == {
        "Raised from $1.00 to $1.50: its session reserves more than its share",
        "Raised from $1.50 to $3.00: its session reserves more than its share",
        "Lowered from $14.00 to $13.00: entries that start or grow before it need it",
    }


def test_budgets_of_people_are_neither_raised_nor_do_they_count_as_lacking(shop: Workspace) -> None:
    own, locked, last = shares(shop, 1, 1, 18)
    Account.objects.filter(pk=own.pk).update(own_budget=True)
    caps.toggle_lock(locked, by=ANA)
    with transaction.atomic():
        funding.raise_shares(shop.pk, {own.pk: usd(3), locked.pk: usd(3)})
    assert budgets(own, locked, last) == [1, 1, 18]


def test_a_giver_keeps_what_it_reserves_itself(shop: Workspace) -> None:
    single, last = shares(shop, 1, 19)
    with transaction.atomic():
        funding.raise_shares(shop.pk, {single.pk: usd(2), last.pk: usd(18)})
    assert budgets(single, last) == [2, 18]


def test_a_charge_that_came_between_is_tried_again(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    single, last = shares(shop, 1, 19)
    real = changes.locked

    def charged(ids: Any) -> list[Account]:
        a_charge(Entry.objects.get(pk=last.pk), "18.5")
        a_charge(Entry.objects.get(pk=single.pk), "1")
        return real(ids)

    monkeypatch.setattr(raising.changes, "locked", charged)
    with pytest.raises(IntegrityError, match="read again"), transaction.atomic():
        funding.raise_shares(shop.pk, {single.pk: usd(2)})
    assert budgets(single, last) == [1, 19]


@pytest.mark.parametrize(
    ("reason", "back"),
    [(Reason.NO_IMPROVEMENT, True), (Reason.HUMAN_HOLD, True), (Reason.BUDGET_EXCEEDED, False), (Reason.NO_CHANGE, True)],
)
def test_shares_come_back_from_what_does_not_go_on_by_itself(shop: Workspace, reason: Reason, back: bool) -> None:
    stopped, own, locked, other, used = shares(shop, 5, 5, 5, 5, 1)
    for account in (stopped, own, locked, used):
        block(account, reason)
    Account.objects.filter(pk=own.pk).update(own_budget=True)
    caps.toggle_lock(locked, by=ANA)
    a_charge(Entry.objects.get(pk=stopped.pk), "1")
    a_charge(Entry.objects.get(pk=used.pk), "1")
    reserve(stopped, "0.5")
    with transaction.atomic():
        assert funding.give_back(shop.pk, [other.pk, own.pk]) == 0
        assert funding.give_back(shop.pk) == int(back)
    assert budgets(stopped, own, locked, other) == [1.5 if back else 5, 5, 5, 5]
    if back:
        assert BudgetChange.objects.get(account=stopped).reason.endswith("so its share goes to others")


# What was blocked goes on


def stuck(workspace: Workspace, *dollars: float) -> list[Account]:
    accounts = shares(workspace, *dollars)
    for account in accounts:
        block(account, Reason.BUDGET_EXCEEDED)
    return accounts


def states(*accounts: Account) -> list[str]:
    return [Entry.objects.get(pk=account.pk).status for account in accounts]


def test_entries_go_on_whose_own_budget_pays_a_least_round_and_shares_while_the_plan_does(shop: Workspace) -> None:
    enough, short, share, locked, held = stuck(shop, 1.05, 1.049999, 1, 1, 9)
    Account.objects.filter(pk__in=[enough.pk, short.pk, held.pk]).update(own_budget=True)
    Account.objects.filter(pk=locked.pk).update(human_locked=True)
    for account in (enough, short, share, locked):
        a_charge(Entry.objects.get(pk=account.pk), "1")
    block(held, Reason.HUMAN_HOLD)
    assert unblocking.unblock_affordable(shop.pk) == 2
    assert states(enough, short, share, locked, held) == ["pending", "blocked", "pending", "blocked", "blocked"]
    entry = Entry.objects.get(pk=enough.pk)
    assert (entry.reason_code, entry.reason_message, entry.reason_at) == ("", "", None)


def test_without_money_in_the_plan_no_share_goes_on(shop: Workspace) -> None:
    (share,) = stuck(shop, 0)
    config = 50_000  # micro-USD: a least round
    for left, moved in ((config - 1, 0), (config, 1)):
        Project.objects.filter(pk=shop.pk).update(total_budget=left)
        assert unblocking.unblock_affordable(shop.pk) == moved
    assert states(share) == ["pending"]


def test_only_the_named_entries_go_on_and_what_was_deleted_does_not(shop: Workspace) -> None:
    single, two, gone = stuck(shop, 5, 5, 5)
    Entry.objects.filter(pk=gone.pk).update(deleted_at="2026-08-04T00:00Z")
    assert unblocking.unblock_affordable(shop.pk, [two.pk]) == 1 and states(single, two) == ["blocked", "pending"]
    assert unblocking.unblock_affordable(shop.pk, [two.pk, gone.pk]) == 0
    other = Workspace.objects.exclude(pk=shop.pk).get()
    assert unblocking.unblock_affordable(other.pk) == 0 and unblocking.unblock_affordable(shop.pk) == 1


# Shares for those without one


def test_the_spare_money_gives_a_round_each_in_line(shop: Workspace) -> None:
    Account.objects.all().update(budget=0)
    never, dependent, stopped, used, held = shares(shop, 0, 0, 0, 1, 0)
    Entry.objects.filter(pk=dependent.pk).update(unmet_dependencies=1)
    block(stopped, Reason.PROJECT_BUDGET_EXCEEDED)
    block(held, Reason.HUMAN_HOLD)
    a_charge(Entry.objects.get(pk=used.pk), "1")
    Entry.objects.filter(pk=used.pk).update(has_rounds=True)
    Project.objects.filter(pk=shop.pk).update(total_budget=usd(13))
    funding.shares.fund(shop.pk)
    assert budgets(never, dependent, stopped, used, held) == [5, 0, 5, 3, 0]
    event = Event.objects.get(verb="budget.funded")
    assert (event.object_id, event.actor, event.data) == (shop.pk, "muster", {"changed": 3, "spare_usd": 12})
    assert BudgetChange.objects.get(account=used).reason == "Raised from $1.00 to $3.00: its share of what the plan has left"


def test_first_rounds_come_from_shares_that_pay_for_several_and_only_for_those_without_any(shop: Workspace) -> None:
    """An entry that has used up a first round waits for money that is spare."""
    Account.objects.all().update(budget=0)
    used, new, rich = shares(shop, 1, 0, 19)
    a_charge(Entry.objects.get(pk=used.pk), "1")
    Entry.objects.filter(pk=used.pk).update(has_rounds=True)
    assert pool.spare(shop.pk) == 0 and funding.shares.fund(shop.pk) == 1
    assert budgets(used, new, rich) == [1, 5, 14]


def test_what_an_entry_has_left_counts_towards_its_round(shop: Workspace) -> None:
    Account.objects.all().update(budget=0)
    used, second = shares(shop, 1.02, 0)
    a_charge(Entry.objects.get(pk=used.pk), "1")
    Entry.objects.filter(pk=used.pk).update(has_rounds=True)
    Project.objects.filter(pk=shop.pk).update(total_budget=usd("10.98"))
    funding.shares.fund(shop.pk)
    assert budgets(used, second) == [6, 4.98]


def test_a_split_entry_gets_no_share_of_its_own(shop: Workspace) -> None:
    Account.objects.all().update(budget=0)
    whole = an_entry(shop, budget="2")
    splitting.split(whole, [Draft("One"), Draft("Two")], by=ANA)
    Account.objects.filter(project_id=shop.pk).update(own_budget=False, budget=0)
    funding.shares.fund(shop.pk)
    assert Account.objects.get(pk=whole.pk).budget == 0


def test_only_open_shares_without_money_for_a_round_get_some(shop: Workspace) -> None:
    rich, own, locked, gone, over = shares(shop, 0.05, 0, 0, 0, 0)
    Account.objects.filter(pk=own.pk).update(own_budget=True)
    Account.objects.filter(pk=locked.pk).update(human_locked=True)
    Entry.objects.filter(pk=gone.pk).update(deleted_at="2026-08-04T00:00Z")
    block(over, Reason.PROJECT_BUDGET_EXCEEDED)
    a_charge(Entry.objects.get(pk=over.pk), "7")
    assert funding.shares.fund(shop.pk) == 1
    assert budgets(rich, own, locked, gone, over) == [0.05, 0, 0, 0, 19.95]


def test_what_goes_on_gets_a_share_again_up_to_all_of_its_rounds(shop: Workspace) -> None:
    poor, second, rich, own, locked, other = shares(shop, 0, 0, 1, 0, 0, 0)
    Account.objects.filter(pk=own.pk).update(own_budget=True)
    Account.objects.filter(pk=locked.pk).update(human_locked=True)
    funding.give_again(shop.pk, [row.pk for row in (second, poor, rich, own, locked)])
    assert budgets(poor, second, rich, own, locked, other) == [14, 5, 1, 0, 0, 0]
    assert BudgetChange.objects.get(account=poor).reason.endswith("it goes on, so it has a share of the plan again")
    Executor.objects.filter(pk=shop.pk).update(config={"auto_reallocate": True})
    funding.give_again(shop.pk, [other.pk])
    assert budgets(other) == [0]


@pytest.mark.parametrize(
    ("of_entry", "shared_out", "automatic", "done"),
    [
        (True, False, False, ["enqueued"]),
        (True, True, False, ["enqueued"]),
        (False, False, True, ["enqueued"]),
        (False, False, False, ["shared out"]),
        (False, True, False, []),
        (False, True, True, []),
    ],
)
def test_money_of_an_entry_is_shared_out_soon_and_that_of_a_project_at_once(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch, of_entry: bool, shared_out: bool, automatic: bool, done: list[str]
) -> None:
    single, two = stuck(shop, 9, 9)
    Executor.objects.filter(pk=shop.pk).update(config={"auto_reallocate": automatic})
    seen: list[str] = []
    monkeypatch.setattr(wake_ups, "enqueue_share_out", lambda workspace_id: seen.append("enqueued"))
    monkeypatch.setattr(funding.shares, "share_out", lambda workspace_id: seen.append("shared out"))
    funding.on_budget_change(shop.pk, single.pk if of_entry else None, shared_out=shared_out)
    assert seen == done and states(single, two) == ["pending", "blocked" if of_entry else "pending"]


def test_what_was_asked_for_during_a_run_stays_due(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    cycles: list[str] = []
    monkeypatch.setattr(wake_ups, "enqueue_cycle", cycles.append)
    funding.mark_due(shop.pk)
    funding.share_out(shop.pk)
    assert project(shop).allocation_due is None and cycles == []
    funding.mark_due(shop.pk)
    monkeypatch.setattr(funding.shares, "fund", lambda workspace_id: caps.mark_allocation_due(workspace_id))
    funding.share_out(shop.pk)
    assert project(shop).allocation_due is not None
    monkeypatch.setattr(funding.shares, "share_out", cycles.append)
    Project.objects.exclude(pk=shop.pk).update(allocation_due=None)
    funding.share_out_all_due()
    assert cycles == [shop.pk]


def test_an_entry_that_is_split_goes_on_with_its_child(shop: Workspace) -> None:
    whole = an_entry(shop, budget="2")
    single, _ = splitting.split(whole, [Draft("One"), Draft("Two")], by=ANA)
    deeper, _ = splitting.split(Entry.objects.get(pk=single.pk), [Draft("Three"), Draft("Four")], by=ANA)
    for entry in (whole, single, deeper):
        block(entry.account, Reason.BUDGET_EXCEEDED)
    assert unblocking.unblock_affordable(shop.pk, [deeper.pk]) == 1
    assert states(*(Account.objects.get(pk=entry.pk) for entry in (whole, single, deeper))) == ["pending"] * 3
    assert Entry.objects.get(pk=whole.pk).reason_message == "It is split: it is done when its children are"
