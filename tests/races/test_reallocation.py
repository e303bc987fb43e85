"""The override fight: people, reallocations, cycles and charges at the same budgets. The person wins, and the books tell it."""

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


def in_another_thread(work: Any) -> None:
    def run() -> None:
        work()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)


def test_a_person_who_edits_while_it_thinks_wins_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, made = a_shop(2)
    think, person = allocation.allocate, threading.Event()

    def slowly(snapshot: allocation.Snapshot) -> allocation.Allocation:
        done = think(snapshot)
        if not person.is_set():
            person.set()
            in_another_thread(lambda: caps.edit(made[0].account, usd(7), by=ANA, reason="mine"))
        return done

    monkeypatch.setattr(sharing, "allocate", slowly)
    outcome = reallocation.run(shop.pk, by=MUSTER)
    row = Account.objects.get(pk=made[0].pk)
    assert (row.budget, row.human_locked, row.locked_by) == (usd(7), True, "ana")
    assert [skipped.account_id for skipped in outcome.skipped] == [made[0].pk]
    assert {change.account_id for change in outcome.changes} == {made[1].pk}


def test_a_lock_between_the_snapshot_and_the_write_holds() -> None:
    shop, made = a_shop(2)
    done = allocation.allocate(reallocation.snapshot(project(shop), policy.load(shop.pk)))
    caps.toggle_lock(made[0].account, by=ANA)
    caps.edit(made[1].account, usd(9), by=ANA)
    with transaction.atomic():
        changed, beaten = reallocation._carry_out(done.changes)
    assert changed == [] and {one.account_id for one in beaten} == {made[0].pk, made[1].pk}
    assert all("by ana meanwhile" in one.reason for one in beaten)
    assert Account.objects.get(pk=made[1].pk).budget == usd(9)


def test_two_reallocations_at_once_change_each_budget_once() -> None:
    for _ in range(4):
        shop, _ = a_shop()
        at_once([lambda s=shop: reallocation.run(s.pk, by=MUSTER)] * 4)
        changes = BudgetChange.objects.filter(project_id=shop.pk)
        assert changes.count() == changes.values("account_id").distinct().count() > 0
        assert left(shop) <= usd(30)


def test_whatever_races_what_a_person_set_stays_and_the_books_agree() -> None:
    for _ in range(3):
        a_worker()
        shop, made = a_shop(auto_reallocate=True)
        mine = made[:3]

        def person(number: int, mine: list[Entry] = mine) -> None:
            for amount in (3, 5, 4):
                caps.edit(mine[number].account, usd(amount), by=ANA)

        def spend(made: list[Entry] = made) -> None:
            for entry in made[5:9]:
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
        for entry in mine:  # nothing but the person's own changes since the lock
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


def test_added_one_by_one_by_many_while_people_lock_and_agents_spend_nobody_gets_more_than_the_plan_has() -> None:
    for _ in range(3):
        a_worker()
        shop = a_workspace(cap="30", budget="30", round_ceiling_usd=2)
        made = some_entries(shop, "a", "b", "c")

        def lock(shop: Workspace = shop, made: list[Entry] = made) -> None:
            for do in ("lock", "unlock", "lock"):
                wishes = [bulk_edit.Wish(entry.pk, 0) for entry in made]
                bulk_edit.carry_out(project(shop), bulk_edit.Order(do, wishes), by=ANA, reason="agreed")

        jobs: list[Any] = [lambda s=shop, n=n: some_entries(s, f"one {n}") for n in range(9)]
        jobs += [lock, lambda s=shop: dispatch.cycle(s.pk), lambda m=made: a_charge(m[0], "1.5")]
        jobs += [lambda s=shop: (funding.mark_due(s.pk), funding.share_out(s.pk))] * 2
        at_once(jobs)
        assert faults(shop.pk) == []
        spent, held = project(shop).total_spent, project(shop).held
        assert left(shop) + spent + held <= usd(30)
