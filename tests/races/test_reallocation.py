"""People, reallocations, cycles and charges change the same budgets. The person wins, and the books agree."""

import threading
from typing import Any

import pytest
from django.db import connections, transaction

from budget import allocation
from budget.allocation import policy, reallocation, sharing
from budget.amounts import usd
from budget.limits import bulk_edit, caps
from budget.models import Account, BudgetChange
from orchestration import funding
from orchestration.backlog import entry_actions
from orchestration.backlog.entries import Draft
from orchestration.executor import dispatch
from orchestration.models import Entry
from tests.factories import ANA, a_charge, a_worker, a_workspace, project, some_entries
from tests.races.crowd import at_once
from tests.races.test_money import faults
from workspaces.access import MUSTER
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def a_shop(count: int = 12, **config: Any) -> tuple[Workspace, list[Entry]]:
    shop = a_workspace(cap="30", budget="30", round_ceiling_usd=2, **config)
    return shop, some_entries(shop, *(Draft(f"do {n}", budget=usd(n % 4)) for n in range(count)))


def left(shop: Workspace) -> int:
    return sum(max(row.headroom, 0) for row in Account.objects.filter(project_id=shop.pk))


def in_another_thread(action: Any) -> None:
    def run() -> None:
        action()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)


def test_an_edit_during_the_computation_wins_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, entries = a_shop(2)
    think, person = allocation.allocate, threading.Event()

    def slowly(snapshot: allocation.Snapshot) -> allocation.Allocation:
        done = think(snapshot)
        if not person.is_set():
            person.set()
            in_another_thread(lambda: caps.edit(entries[0].account, usd(7), by=ANA, reason="mine"))
        return done

    monkeypatch.setattr(sharing, "allocate", slowly)
    outcome = reallocation.run(shop.pk, by=MUSTER)
    row = Account.objects.get(pk=entries[0].pk)
    assert (row.budget, row.human_locked, row.locked_by) == (usd(7), True, "ana")
    assert [skipped.account_id for skipped in outcome.skipped] == [entries[0].pk]
    assert {change.account_id for change in outcome.changes} == {entries[1].pk}


def test_a_lock_between_the_snapshot_and_the_write_is_respected() -> None:
    shop, entries = a_shop(2)
    done = allocation.allocate(reallocation.snapshot(project(shop), policy.load(shop.pk)))
    caps.toggle_lock(entries[0].account, by=ANA)
    caps.edit(entries[1].account, usd(9), by=ANA)
    with transaction.atomic():
        changed, beaten = reallocation._carry_out(done.changes)
    assert changed == [] and {skipped.account_id for skipped in beaten} == {entries[0].pk, entries[1].pk}
    assert all("by ana meanwhile" in skipped.reason for skipped in beaten)
    assert Account.objects.get(pk=entries[1].pk).budget == usd(9)


def test_two_reallocations_at_once_change_each_budget_once() -> None:
    for _ in range(4):
        shop, _ = a_shop()
        at_once([lambda s=shop: reallocation.run(s.pk, by=MUSTER)] * 4)
        changes = BudgetChange.objects.filter(project_id=shop.pk)
        assert changes.count() == changes.values("account_id").distinct().count() > 0
        assert left(shop) <= usd(30)


def test_budgets_that_a_person_set_stay_and_the_books_agree() -> None:
    for _ in range(3):
        a_worker()
        shop, entries = a_shop(auto_reallocate=True)
        mine = entries[:3]

        def person(number: int, mine: list[Entry] = mine) -> None:
            for amount in (3, 5, 4):
                caps.edit(mine[number].account, usd(amount), by=ANA)

        def spend(entries: list[Entry] = entries) -> None:
            for entry in entries[5:9]:
                a_charge(entry, "0.3")

        jobs: list[Any] = [lambda s=shop: reallocation.run(s.pk, by=MUSTER)] * 3
        jobs += [lambda s=shop: dispatch.cycle(s.pk)] * 2 + [lambda n=n, p=person: p(n) for n in range(3)]
        jobs += [spend, lambda s=shop: caps.set_project(project(s), "max_project_spend", usd(25), by=ANA)]
        jobs += [
            lambda s=shop: (funding.mark_due(s.pk), funding.share_out(s.pk)),
            lambda s=shop: some_entries(s, "late", "later"),
        ]
        at_once(jobs)
        kept = Account.objects.filter(pk__in=[entry.pk for entry in mine])
        assert set(kept.values_list("budget", "human_locked")) == {(usd(4), True)}
        assert faults(shop.pk) == []
        for entry in mine:  # only the person's own changes since the lock
            after = BudgetChange.objects.filter(account_id=entry.pk, field="budget", source="human").order_by("id").first()
            assert after is not None
            assert not BudgetChange.objects.filter(account_id=entry.pk, source="allocation", id__gt=after.pk).exists()


def test_two_who_finish_at_once_give_their_money_to_the_next_once() -> None:
    for _ in range(4):
        shop = a_workspace(cap="10", budget="10")
        first, second, third, fourth = some_entries(shop, "a", "b", "c", "d")
        at_once(
            [lambda e=entry: (entry_actions.mark_done(e, by=ANA), funding.share_out(e.workspace_id)) for entry in (first, second)]
        )
        funding.share_out(shop.pk)
        rows = Account.objects.in_bulk([third.pk, fourth.pk])
        assert [rows[third.pk].budget, rows[fourth.pk].budget] == [usd(5), usd(5)]


def test_concurrent_additions_locks_and_charges_never_exceed_the_plan() -> None:
    for _ in range(3):
        a_worker()
        shop = a_workspace(cap="30", budget="30", round_ceiling_usd=2)
        entries = some_entries(shop, "a", "b", "c")

        def lock(shop: Workspace = shop, entries: list[Entry] = entries) -> None:
            for do in ("lock", "unlock", "lock"):
                wishes = [bulk_edit.Wish(entry.pk, 0) for entry in entries]
                bulk_edit.carry_out(project(shop), bulk_edit.Order(do, wishes), by=ANA, reason="agreed")

        jobs: list[Any] = [lambda s=shop, n=n: some_entries(s, f"one {n}") for n in range(9)]
        jobs += [lock, lambda s=shop: dispatch.cycle(s.pk), lambda m=entries: a_charge(m[0], "1.5")]
        jobs += [lambda s=shop: (funding.mark_due(s.pk), funding.share_out(s.pk))] * 2
        at_once(jobs)
        assert faults(shop.pk) == []
        spent, reserved = project(shop).total_spent, project(shop).held
        assert left(shop) + spent + reserved <= usd(30)
