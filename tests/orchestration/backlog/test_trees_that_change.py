"""Children are deleted and restored: who gets their money, who counts them, and what the entry above them is then."""

from typing import Any

import pytest
from django.utils.timezone import now

from budget.limits import dividing
from budget.models import Account
from orchestration.backlog import deletion, dependencies, drafts, entry_actions, splitting
from orchestration.backlog.entries import Draft
from orchestration.backlog.tree import leaves, reads
from orchestration.maintenance import audit, rebuild
from orchestration.models import Entry, FileLock, Landing
from orchestration.schemas import EntryIn
from tests.factories import ANA, CLOSED, a_charge, a_workspace, an_entry, some_entries
from workspaces.errors import Conflict
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    theirs = an_entry(a_workspace(name="Other"), budget="8")
    splitting.split(theirs, [Draft("Theirs"), Draft("Theirs too")], by=ANA)
    return a_workspace()


def parts(entry: Entry, *contents: str) -> list[Entry]:
    return splitting.split(fresh(entry), [Draft(content) for content in contents], by=ANA)


def fresh(entry: Entry) -> Entry:
    return Entry.objects.select_related("account").get(pk=entry.pk)


def budgets(*entries: Entry) -> list[int]:
    return [fresh(entry).account.budget for entry in entries]


def is_right(shop: Workspace) -> bool:
    return rebuild.find(shop.pk) == [] and audit.check(shop.pk).wrong == []


def test_what_a_deleted_child_had_goes_to_those_that_still_work_and_to_no_others(shop: Workspace) -> None:
    top = an_entry(shop, budget="5")
    gone, done, failed, split, works = parts(top, "Gone", "Done", "Failed", "Split", "Works")
    parts(split, "Left", "Right")
    entry_actions.mark_done(fresh(done), by=ANA)
    entry_actions.mark_failed(fresh(failed), by=ANA)
    before = budgets(done, failed, split, works)
    deletion.delete_all([fresh(gone)], by=ANA)
    assert budgets(done, failed, split, works) == [*before[:3], before[3] + 1_000_000]
    assert dividing.total(fresh(top).account) == 5_000_000 and is_right(shop)


def test_the_money_of_all_that_is_deleted_below_it_stays_with_the_entry_above(shop: Workspace) -> None:
    top = an_entry(shop, budget="8")
    middle, stays = parts(top, "Middle", "Stays")
    inner, _ = parts(middle, "Inner", "Beside")
    deepest, _ = parts(inner, "Deepest", "Next to it")
    a_charge(fresh(deepest), "0.25")
    changed = deletion.delete_all([fresh(middle)], by=ANA)
    assert budgets(stays) == [7_750_000] and changed[stays.pk] == 3_750_000 and sum(changed.values()) == 0
    assert dividing.total(fresh(top).account) == 8_000_000 and is_right(shop)


def test_only_children_that_are_not_done_are_counted_off_and_on(shop: Workspace) -> None:
    top = an_entry(shop)
    (behind,) = some_entries(shop, Draft("Behind", depends_on=(top.pk,)))
    done, open_, other = parts(top, "Done", "Open", "Other")
    entry_actions.mark_done(fresh(done), by=ANA)
    for deleted, unmet in ((done, 2), (open_, 1)):
        deletion.delete_all([fresh(deleted)], by=ANA)
        assert fresh(top).unmet_dependencies == unmet and is_right(shop)
    for restored, unmet in ((done, 1), (open_, 2)):
        deletion.restore(restored, [], by=ANA)
        assert fresh(top).unmet_dependencies == unmet and rebuild.find(shop.pk) == []
    entry_actions.mark_all_done([fresh(open_), fresh(other)], by=ANA)
    assert (fresh(top).status, fresh(behind).unmet_dependencies) == ("done", 0)


def test_what_was_deleted_waits_again_for_what_it_is_given_and_for_that_alone(shop: Workspace) -> None:
    first, second, third = some_entries(shop, "First", "Second", "Third")
    (entry,) = some_entries(shop, Draft("Entry", depends_on=(first.pk, second.pk)))
    deletion.delete_all([fresh(entry)], by=ANA)
    deletion.delete_all([fresh(first)], by=ANA)  # nothing waits for it any more
    deletion.restore(entry, [third.pk], by=ANA)
    row = fresh(entry)
    assert (row.status, row.unmet_dependencies, row.deleted_at) == ("pending", 1, None)
    assert list(row.dependencies.values_list("depends_on_id", flat=True)) == [third.pk] and is_right(shop)
    with pytest.raises(Conflict, match="on the backlog already"):
        deletion.restore(row, [], by=ANA)


def test_what_was_deleted_is_not_blocked_by_a_failure_that_it_waits_for_no_longer(shop: Workspace) -> None:
    first, entry = some_entries(shop, "first", "then")
    dependencies.depend(entry, first, by=ANA)
    entry_actions.mark_failed(first, by=ANA)
    deletion.delete_all([fresh(entry)], by=ANA)
    deletion.restore(fresh(entry), [], by=ANA)
    assert (fresh(entry).status, fresh(entry).reason_code) == ("pending", "")


def test_what_was_deleted_waits_for_no_decision_and_holds_no_file(shop: Workspace) -> None:
    entry, other = some_entries(shop, "One", "Two")
    for each in (entry, other):
        waits = {"reason_code": "waiting_for_merge", "reason_message": "x", "reason_at": now(), "open_head": "c" * 40}
        Entry.objects.filter(pk=each.pk).update(**waits)
        Landing.objects.create(workspace=shop, entry=each, commit="c" * 40, state="proposed")
        FileLock.objects.create(workspace=shop, entry=each, path=f"{each.seq}.py")
    (behind,) = some_entries(shop, "Behind")
    Entry.objects.filter(pk=behind.pk).update(parked_behind=entry)
    deletion.delete_all([fresh(entry)], by=ANA)
    assert [landing.state for landing in Landing.objects.order_by("pk")] == ["withdrawn", "proposed"]
    assert (list(FileLock.objects.values_list("entry_id", flat=True)), fresh(behind).parked_behind) == ([other.pk], None)
    deletion.restore(entry, [], by=ANA)
    row = fresh(entry)
    assert (row.status, row.reason_code, row.open_head, row.is_met) == ("pending", "", "", False)


@pytest.mark.parametrize(
    ("fields", "is_split"),
    [
        ({}, True),
        ({"status": "blocked", "reason_code": "human_hold", "reason_message": "Later"}, True),
        ({"status": "in_progress"}, False),
        (CLOSED, False),
    ],
)
def test_an_entry_whose_last_child_comes_back_is_split_again_unless_it_works_or_is_done(
    shop: Workspace, fields: dict[str, Any], is_split: bool
) -> None:
    top = an_entry(shop, budget="2")
    first, second = parts(top, "First", "Second")
    deletion.delete_all([fresh(first), fresh(second)], by=ANA)
    assert (fresh(top).is_container, fresh(top).before_split, budgets(top)) == (False, None, [2_000_000])
    Entry.objects.filter(pk=top.pk).update(**fields, parked_behind=first)
    if not is_split:
        with pytest.raises(Conflict, match=f"#{top.seq} Do it does its own work again"):
            deletion.restore(first, [], by=ANA)
        assert fresh(first).deleted_at is not None and not fresh(top).is_container
        return
    deletion.restore(first, [], by=ANA)
    row = fresh(top)
    assert (row.is_container, row.unmet_dependencies, row.parked_behind, row.status) == (True, 1, None, "pending")
    before = {"status": "pending", "code": "", "message": ""}
    if fields:
        before = {"status": "blocked", "code": "human_hold", "message": "Later"}
    assert row.before_split == before
    deletion.delete_all([fresh(top)], by=ANA)
    with pytest.raises(Conflict, match=f"which #{first.seq} was a child of, is deleted"):
        deletion.restore(first, [], by=ANA)


def test_a_restored_entry_has_a_share_of_the_plan_again_only_if_it_goes_on(shop: Workspace) -> None:
    goes_on, held = some_entries(shop, "Goes on", "Held")
    entry_actions.put_on_hold(held, by=ANA)
    deletion.delete_all([fresh(goes_on), fresh(held)], by=ANA)
    Account.objects.filter(pk__in=[goes_on.pk, held.pk]).update(budget=0)
    for entry in (goes_on, held):
        deletion.restore(entry, [], by=ANA)
    assert fresh(goes_on).account.budget > 0 and budgets(held) == [0]


def test_below_an_entry_is_what_is_left_of_its_tree_each_once(shop: Workspace) -> None:
    top, alone = an_entry(shop, budget="8"), an_entry(shop)
    middle, done, held, gone = parts(top, "Middle", "Done", "Held", "Gone")
    inner, near = parts(middle, "Inner", "Beside")
    deepest, last = parts(inner, "Deepest", "Last")
    entry_actions.mark_done(fresh(done), by=ANA)
    entry_actions.put_on_hold(fresh(held), by=ANA)
    deletion.delete_all([fresh(gone)], by=ANA)

    def named(rows: list[Entry]) -> list[int]:
        return [row.seq for row in rows]

    tree = [middle, done, held, inner, near, deepest, last]
    assert named(leaves.below([fresh(top), alone])) == named(tree)
    assert named(leaves.below([fresh(top), fresh(middle), fresh(last)])) == named([done, held, inner, near, deepest])
    assert leaves.below([alone, fresh(last)]) == []
    assert named(leaves.instead_of([fresh(top), alone], unless={"done"})) == named([alone, held, near, deepest, last])
    assert named(leaves.instead_of([fresh(top)], unless={"blocked", "pending"})) == named([done])
    assert named(leaves.with_children([fresh(top)])) == named([top, middle, held, inner, near, deepest, last])


def test_the_tree_is_shown_with_all_of_its_money_and_without_what_was_deleted(shop: Workspace) -> None:
    top, alone = an_entry(shop, budget="8"), an_entry(shop, budget="3")
    a_charge(fresh(top), "1")
    middle, done, gone = parts(top, "Middle", "Done", "Gone")
    inner, near = parts(middle, "Inner", "Beside")
    deepest, last = parts(inner, "Deepest", "Last")
    a_charge(fresh(deepest), "0.5")
    a_charge(fresh(gone), "0.25")
    entry_actions.mark_done(fresh(done), by=ANA)
    deletion.delete_all([fresh(gone)], by=ANA)
    ids = [top.pk, middle.pk, alone.pk]
    shown = {parent: [child.seq for child in children] for parent, children in reads.children(ids).items()}
    assert shown == {top.pk: [middle.seq, done.seq], middle.pk: [inner.seq, near.seq]}
    assert reads.progress(ids) == {top.pk: (1, 2), middle.pk: (0, 2)} and reads.progress([]) == {}
    amounts = reads.budgets([top.pk, alone.pk])
    assert amounts == {top.pk: 8_000_000, alone.pk: 3_000_000} and reads.budgets([]) == {}
    rows = [fresh(top), fresh(inner), fresh(alone)]
    reads.make_whole(rows)
    assert [(row.account.budget, row.account.spent) for row in rows] == [
        (8_000_000, 1_750_000), (sum(budgets(inner, deepest, last)), 500_000), (3_000_000, 0),
    ]  # fmt: skip
    assert (reads.whole(fresh(top).account).budget, reads.whole(fresh(alone).account).budget) == (8_000_000, 3_000_000)


def test_children_are_like_their_parent_but_for_values_of_their_own(shop: Workspace) -> None:
    (before,) = some_entries(shop, "Before")
    (top,) = some_entries(shop, Draft("Top", group="Dates", depends_on=(before.pk,), requires=("gpu",), parallel_group="db"))
    items = [
        EntryIn(content="One", ref="one"),
        EntryIn(
            content="Two", group="Times", depends_on=["one"], requires=[], parallel_group="web", priority="low", budget_rounds=2
        ),
    ]
    first, second = splitting.split(
        fresh(top), [drafts.child_from_request(item, top) for item in items], by=ANA, reason="Too large"
    )
    assert [(each.group, each.requires, each.parallel_group, each.priority, each.budget_rounds) for each in (first, second)] == [
        ("Dates", ["gpu"], "db", 2, 5), ("Times", [], "web", 3, 2),
    ]  # fmt: skip
    needs = [sorted(each.dependencies.values_list("depends_on__content", flat=True)) for each in (first, second)]
    assert needs == [["Before"], ["Before", "One"]]
    event = Event.objects.get(verb="entry.split", workspace=shop)
    assert (event.object_id, event.data["count"], event.data["children"], event.reason) == (
        top.pk, 2, [first.pk, second.pk], "Too large",
    )  # fmt: skip


@pytest.mark.parametrize("state", ["split", "done", "started", "needed"])
def test_a_split_is_not_undone_once_a_child_is_more_than_a_plan(shop: Workspace, state: str) -> None:
    top = an_entry(shop, budget="2")
    first, second = parts(top, "First", "Second")
    if state == "split":
        parts(second, "A", "B")
    elif state == "done":
        entry_actions.mark_done(fresh(second), by=ANA)
    elif state == "started":
        Entry.objects.filter(pk=second.pk).update(attempts=1)
    else:
        some_entries(shop, Draft("Waits", depends_on=(second.pk,)))
    sentence = "Other entries depend on it" if state == "needed" else f"#{second.seq} Second has started or ended"
    with pytest.raises(Conflict, match=sentence):
        splitting.undo(fresh(top), by=ANA)
    assert fresh(first).deleted_at is None and fresh(top).is_container
