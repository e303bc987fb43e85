"""An entry is split: its children do its work, its state is theirs, and its budget is divided among them to the micro-dollar."""

import pytest
from django.db import IntegrityError, transaction

from budget.amounts import usd
from budget.limits import caps, dividing
from budget.models import Account, BudgetChange
from orchestration.backlog import deletion, dependencies, entry_actions, entry_edits, splitting
from orchestration.backlog.entries import Draft
from orchestration.edge import queries
from orchestration.executor import dispatch
from orchestration.facts.reasons import Reason
from orchestration.maintenance import audit, rebuild
from orchestration.models import Entry, Session
from tests.factories import ANA, a_charge, a_session, a_worker, a_workspace, an_entry, ended, some_entries
from workspaces.errors import Conflict, Invalid
from workspaces.models import Workspace
from workspaces.values import ids

pytestmark = pytest.mark.django_db


def halves(entry: Entry, *contents: str, **more: object) -> list[Entry]:
    return splitting.split(entry, [Draft(content, **more) for content in contents or ("First half", "Second half")], by=ANA)  # type: ignore[arg-type]


def fresh(entry: Entry) -> Entry:
    return Entry.objects.select_related("account").get(pk=entry.pk)


def start(entry: Entry) -> Session:
    return a_session(fresh(entry))


def test_a_split_entry_waits_for_its_children_and_is_never_dispatched(shop: Workspace) -> None:
    entry = an_entry(shop)
    first, second = halves(entry)
    a_worker()
    done = dispatch.cycle(shop.pk)
    assert {start.entry.id for start in done.started} == {first.pk, second.pk}
    assert fresh(entry).status == "in_progress"
    assert not Session.objects.filter(entry=entry).exists()


def test_it_is_done_when_all_its_children_are_and_what_waits_for_it_waits_for_all(shop: Workspace) -> None:
    entry = an_entry(shop)
    (after,) = some_entries(shop, Draft("After", depends_on=(entry.pk,)))
    first, second = halves(entry)
    entry_actions.mark_done(fresh(first), by=ANA)
    assert (fresh(entry).status, fresh(after).unmet_dependencies) == ("pending", 1)
    entry_actions.mark_done(fresh(second), by=ANA)
    assert (fresh(entry).status, fresh(after).unmet_dependencies) == ("done", 0)
    assert rebuild.find(shop.pk) == []


def test_it_fails_when_nothing_but_failures_is_left_and_goes_on_when_a_child_does(shop: Workspace) -> None:
    entry = an_entry(shop)
    (after,) = some_entries(shop, Draft("After", depends_on=(entry.pk,)))
    first, second = halves(entry)
    entry_actions.mark_failed(fresh(first), by=ANA)
    assert fresh(entry).status == "pending"
    entry_actions.mark_done(fresh(second), by=ANA)
    failed = fresh(entry)
    assert (failed.status, failed.reason_code) == ("failed", Reason.CHILDREN_UNFINISHED)
    assert failed.reason_message == f"#{first.seq} First half failed"
    assert fresh(after).reason_code == Reason.DEPENDENCY_FAILED
    entry_actions.resume(failed, by=ANA)
    assert [fresh(row).status for row in (entry, first, after)] == ["pending"] * 3


def test_it_is_blocked_by_name_when_no_child_can_start_by_itself(shop: Workspace) -> None:
    entry = an_entry(shop)
    first, second = splitting.split(entry, [Draft("First", ref="a"), Draft("Second", depends_on=("a",))], by=ANA)
    entry_actions.put_on_hold(fresh(first), by=ANA)
    blocked = fresh(entry)
    assert (blocked.status, blocked.reason_message) == ("blocked", f"#{first.seq} First is blocked")
    assert fresh(second).unmet_dependencies == 1


def test_its_sentence_follows_its_children_while_its_state_stays(shop: Workspace) -> None:
    entry = an_entry(shop)
    first, second = halves(entry)
    entry_actions.put_on_hold(fresh(entry), by=ANA)
    assert fresh(entry).reason_message == f"#{first.seq} First half, #{second.seq} Second half are blocked"
    entry_actions.mark_done(fresh(first), by=ANA)
    blocked = fresh(entry)
    assert (blocked.status, blocked.reason_message) == ("blocked", f"#{second.seq} Second half is blocked")


def test_its_children_wait_for_what_it_waits_for_also_later(shop: Workspace) -> None:
    before, later = some_entries(shop, "Before", "Later")
    (entry,) = some_entries(shop, Draft("Big", depends_on=(before.pk,)))
    first, second = halves(entry)
    assert fresh(first).unmet_dependencies == 1
    dependencies.depend(fresh(entry), later, by=ANA)
    assert [fresh(row).unmet_dependencies for row in (entry, first, second)] == [4, 2, 2]
    dependencies.undepend(fresh(entry), before, by=ANA)
    assert [fresh(row).unmet_dependencies for row in (entry, first, second)] == [3, 1, 1]
    assert rebuild.find(shop.pk) == []


def test_a_child_never_waits_for_what_waits_for_its_parent(shop: Workspace) -> None:
    entry = an_entry(shop)
    (after,) = some_entries(shop, Draft("After", depends_on=(entry.pk,)))
    with pytest.raises(Invalid, match="cycle"):
        splitting.split(entry, [Draft("First", depends_on=(after.pk,)), Draft("Second")], by=ANA)
    assert not Entry.objects.filter(parent=entry).exists()
    first, _ = halves(entry)
    with pytest.raises(Invalid, match="cycle"):
        dependencies.depend(fresh(first), after, by=ANA)
    with pytest.raises(Invalid, match="cycle"):
        dependencies.depend(fresh(first), fresh(entry), by=ANA)


def test_what_is_left_of_its_budget_is_divided_to_the_micro_dollar(shop: Workspace) -> None:
    entry = an_entry(shop, budget="1")
    a_charge(entry, "0.333333")
    children = splitting.split(fresh(entry), [Draft("One", budget=usd("0.1")), Draft("Two"), Draft("Three")], by=ANA)
    assert [fresh(child).account.budget for child in children] == [100_000, 283_334, 283_333]
    assert fresh(entry).account.budget == 333_333
    assert dividing.total(fresh(entry).account) == 1_000_000
    assert audit.check(shop.pk).wrong == []


@pytest.mark.parametrize(
    ("budgets", "sentence"),
    [(("0.7", "0.7"), r"add up to \$1.4"), (("0.2", "0.2"), r"add up to \$0.4"), (("0", "2"), "add up to")],
)
def test_budgets_that_do_not_add_up_are_refused(shop: Workspace, budgets: tuple[str, str], sentence: str) -> None:
    entry = an_entry(shop, budget="1")
    with pytest.raises(Invalid, match=sentence):
        splitting.split(entry, [Draft("One", budget=usd(budgets[0])), Draft("Two", budget=usd(budgets[1]))], by=ANA)
    assert not fresh(entry).is_container


def test_children_of_an_entry_without_a_budget_share_the_plan(shop: Workspace) -> None:
    (entry,) = some_entries(shop, "Big")
    children = halves(entry)
    accounts = [fresh(child).account for child in children]
    assert not any(account.own_budget for account in accounts)
    assert all(account.budget > 0 for account in accounts)
    assert fresh(entry).account.budget == 0


def test_children_get_no_more_than_the_plan_has_for_entries_without_a_budget() -> None:
    shop = a_workspace(budget="3")
    an_entry(shop, budget="1.5")
    (entry,) = some_entries(shop, "Big")
    with pytest.raises(Invalid, match=r"add up to \$1.75, and \$1.5.* of the plan is left"):
        splitting.split(entry, [Draft("One", budget=usd("1.75")), Draft("Two")], by=ANA)
    assert not fresh(entry).is_container
    first, second = splitting.split(entry, [Draft("One", budget=usd("1.25")), Draft("Two")], by=ANA)
    assert (fresh(first).account.budget, fresh(second).account.budget) == (1_250_000, 250_000)


def test_what_a_deleted_child_leaves_never_goes_to_a_budget_that_a_person_locked(shop: Workspace) -> None:
    first, second, third = splitting.split(an_entry(shop, budget="3"), [Draft("One"), Draft("Two"), Draft("Three")], by=ANA)
    caps.toggle_lock(fresh(second).account, by=ANA)
    deletion.delete_all([fresh(first)], by=ANA)
    assert [fresh(row).account.budget for row in (second, third)] == [1_000_000, 2_000_000]


def test_a_rest_that_no_child_took_is_lowered_with_the_budget(shop: Workspace) -> None:
    entry = an_entry(shop, budget="3")
    first, second = halves(entry)
    caps.toggle_lock(fresh(second).account, by=ANA)
    deletion.delete_all([fresh(first)], by=ANA)
    assert fresh(entry).account.budget == 1_500_000
    caps.edit(fresh(entry).account, usd("0.5"), by=ANA)
    assert dividing.total(fresh(entry).account) == 500_000
    assert audit.check(shop.pk).wrong == []


def test_raising_and_lowering_its_budget_changes_its_childrens(shop: Workspace) -> None:
    entry = an_entry(shop, budget="1")
    first, second = halves(entry)
    caps.edit(fresh(entry).account, usd("2"), by=ANA)
    assert [fresh(child).account.budget for child in (first, second)] == [1_000_000, 1_000_000]
    a_charge(fresh(first), "0.9")
    caps.edit(fresh(entry).account, usd("1.5"), by=ANA)
    assert dividing.total(fresh(entry).account) == 1_500_000
    assert fresh(first).account.budget >= 900_000
    with pytest.raises(Invalid, match=r"cannot be less"):
        caps.edit(fresh(entry).account, usd("0.5"), by=ANA)
    assert audit.check(shop.pk).wrong == []


def test_a_split_is_undone_while_no_child_has_started(shop: Workspace) -> None:
    entry = an_entry(shop, budget="1")
    entry_actions.put_on_hold(entry, by=ANA, reason="Later")
    children = halves(fresh(entry))
    assert {fresh(child).reason_code for child in children} == {Reason.HUMAN_HOLD}
    splitting.undo(fresh(entry), by=ANA)
    back = fresh(entry)
    assert (back.is_container, back.status, back.reason_message) == (False, "blocked", "Later")
    assert (back.account.budget, back.unmet_dependencies) == (1_000_000, 0)
    assert not Entry.objects.filter(parent=entry, deleted_at__isnull=True).exists()
    with pytest.raises(Conflict, match="not split"):
        splitting.undo(back, by=ANA)
    assert audit.check(shop.pk).wrong == []


@pytest.mark.parametrize("fails_before", [True, False])
def test_a_split_that_is_undone_leaves_an_entry_that_waits_for_what_fails_now(shop: Workspace, fails_before: bool) -> None:
    first, entry = some_entries(shop, "first", "then")
    dependencies.depend(entry, first, by=ANA)
    if fails_before:
        entry_actions.mark_failed(first, by=ANA)
    halves(fresh(entry))
    if fails_before:
        entry_actions.resume(first, by=ANA)
    else:
        entry_actions.mark_failed(first, by=ANA)
    splitting.undo(entry, by=ANA)
    row = fresh(entry)
    blocked = ("blocked", Reason.DEPENDENCY_FAILED, f"#{first.seq} {first.title} failed")
    assert (row.status, row.reason_code, row.reason_message) == (("pending", "", "") if fails_before else blocked)
    assert row.unmet_dependencies == 1 and rebuild.find(shop.pk) == []


def test_a_split_whose_child_has_started_stays(shop: Workspace) -> None:
    entry = an_entry(shop)
    first, _ = halves(entry)
    ended(start(first), outcome="stopped")
    with pytest.raises(Conflict, match=f"#{first.seq} First half has started"):
        splitting.undo(fresh(entry), by=ANA)


def test_what_a_deleted_child_had_left_is_its_siblings(shop: Workspace) -> None:
    entry = an_entry(shop, budget="1")
    first, second = halves(entry)
    a_charge(fresh(first), "0.2")
    deletion.delete_all([fresh(first)], by=ANA)
    assert fresh(second).account.budget == 800_000
    assert dividing.total(fresh(entry).account) == 1_000_000
    assert fresh(entry).unmet_dependencies == 1


def test_deleting_it_deletes_what_is_below_it(shop: Workspace) -> None:
    entry = an_entry(shop)
    first, _ = halves(entry)
    halves(fresh(first))
    deletion.delete_all([fresh(entry)], by=ANA)
    assert not Entry.objects.filter(workspace=shop, deleted_at__isnull=True).exists()


def test_it_is_split_three_deep_at_most(shop: Workspace) -> None:
    entry = an_entry(shop, budget="8")
    for _ in range(3):
        entry, _ = halves(fresh(entry))
    with pytest.raises(Invalid, match="3 entries above it"):
        halves(fresh(entry))
    top = Entry.objects.get(parent=None)
    assert dividing.total(fresh(top).account) == 8_000_000
    assert top.unmet_dependencies == 2
    assert rebuild.find(shop.pk) == []


@pytest.mark.parametrize("state", ["in progress", "done", "split"])
def test_an_entry_at_work_done_or_split_is_not_split(shop: Workspace, state: str) -> None:
    entry = an_entry(shop)
    if state == "in progress":
        start(entry)
    elif state == "done":
        entry_actions.mark_done(entry, by=ANA)
    else:
        halves(entry)
    with pytest.raises((Invalid, Conflict), match=state):
        halves(fresh(entry))


def test_what_a_person_does_to_it_is_done_for_its_children(shop: Workspace) -> None:
    entry = an_entry(shop)
    first, second = halves(entry)
    entry_actions.put_on_hold(fresh(entry), by=ANA, reason="Wait")
    assert [fresh(row).status for row in (entry, first, second)] == ["blocked"] * 3
    entry_actions.resume(fresh(entry), by=ANA)
    assert [fresh(row).status for row in (entry, first, second)] == ["pending"] * 3
    entry_edits.set_rounds(fresh(entry), 9, by=ANA)
    entry_actions.set_priority(fresh(entry), Entry.Priority.HIGH, by=ANA)
    assert {(fresh(row).budget_rounds, fresh(row).priority) for row in (entry, first, second)} == {(9, Entry.Priority.HIGH)}
    with pytest.raises(Invalid, match="verify its children"):
        entry_actions.reverify(fresh(entry), by=ANA)
    entry_actions.mark_done(fresh(entry), by=ANA)
    assert [fresh(row).status for row in (entry, first, second)] == ["done"] * 3


def test_a_hold_names_the_child_at_work(shop: Workspace) -> None:
    entry = an_entry(shop)
    first, _ = halves(entry)
    start(first)
    with pytest.raises(Invalid, match=r"#\d+ is in progress: stop its session first"):
        entry_actions.put_on_hold(fresh(entry), by=ANA)


def test_the_api_shows_children_and_the_whole_budget(shop: Workspace) -> None:
    entry = an_entry(shop, budget="1")
    children = halves(entry)
    shown = queries.shown_entries(shop.pk, [fresh(entry), *map(fresh, children)])
    assert shown[0]["children"] == [child.pk for child in children]
    assert shown[0]["budget_usd"] == 1.0
    assert [reason["code"] for reason in shown[0]["reasons"]] == [Reason.CHILDREN_UNFINISHED]
    assert (shown[1]["children"], shown[1]["parent"], shown[0]["parent"]) == ([], entry.pk, None)


def test_a_child_that_ran_out_of_money_blocks_it_until_there_is_some(shop: Workspace) -> None:
    entry = an_entry(shop, budget="2")
    first, second = halves(entry)
    entry_actions.mark_done(fresh(second), by=ANA)
    a_charge(fresh(first), "1")
    a_worker()
    dispatch.cycle(shop.pk)
    assert (fresh(first).reason_code, fresh(entry).status) == (Reason.BUDGET_EXCEEDED, "blocked")
    caps.edit(fresh(entry).account, usd("4"), by=ANA)
    from orchestration import funding

    funding.unblock_affordable(shop.pk)
    assert [fresh(row).status for row in (first, entry)] == ["pending", "pending"]


def test_a_lock_of_its_budget_holds_for_its_childrens_until_it_is_released(shop: Workspace) -> None:
    entry = an_entry(shop, budget="3")
    first, second = halves(entry)
    deeper = halves(fresh(second))
    caps.toggle_lock(fresh(first).account, by=ANA, reason="Mine")
    caps.toggle_lock(fresh(entry).account, by=ANA, reason="All of it")
    below = [first, second, *deeper]
    assert [fresh(row).account.locked_reason for row in below] == ["Mine", "All of it", "All of it", "All of it"]
    caps.toggle_lock(fresh(entry).account, by=ANA)
    assert [fresh(row).account.human_locked for row in below] == [True, False, False, False]
    assert BudgetChange.objects.filter(account=deeper[0].account, field="human_locked").count() == 2


def test_children_that_were_locked_by_an_edit_of_its_budget_are_released_with_it(shop: Workspace) -> None:
    entry = an_entry(shop, budget="3")
    children = halves(entry)
    caps.edit(fresh(entry).account, usd("4"), by=ANA)
    caps.toggle_lock(fresh(entry).account, by=ANA)
    assert [fresh(row).account.human_locked for row in (entry, *children)] == [False] * 3


def test_the_database_refuses_what_would_break_the_tree(shop: Workspace) -> None:
    entry, other = an_entry(shop), an_entry(shop)
    first, _ = halves(entry)
    for change in ({"parent": other}, {"parent": None, "depth": 0}, {"depth": 2}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Entry.objects.filter(pk=first.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Session.objects.create(id=ids.session(), workspace=shop, entry=entry, attempt=9)
    start(other)
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.filter(pk=other.pk).update(is_container=True)


def test_a_locked_budget_stays_locked_with_its_children(shop: Workspace) -> None:
    entry = an_entry(shop, budget="1")
    caps.edit(entry.account, usd("3"), by=ANA)
    children = halves(fresh(entry))
    rows = Account.objects.filter(pk__in=[child.pk for child in children])
    assert {(row.budget, row.human_locked, row.locked_by) for row in rows} == {(1_500_000, True, "ana")}
