"""Each consequence of an entry's move to another state: what it releases, who waits for it, and what is recorded."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import transaction

from orchestration import funding
from orchestration.backlog import dependencies, entry_state, splitting
from orchestration.backlog.entries import Draft
from orchestration.backlog.rules import ways
from orchestration.backlog.rules.transitions import LANDING, PENDING, Next
from orchestration.landing import queue
from orchestration.maintenance import rebuild
from orchestration.models import Entry, FileLock, Landing
from tests.factories import ANA, an_entry, some_entries
from workspaces.errors import NotFound
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
HELD = Next("blocked", "human_hold", "On hold")
FAILED = Next("failed", "rounds_exhausted", "All rounds are used up")
CLOSED = Next("done", done=ways.closed(by="ana"))


def moved(entries: Sequence[Entry], following: Next) -> list[Entry]:
    with transaction.atomic():
        entry_state.move_all(entry_state.lock_all(entries), following)
    return [Entry.objects.get(pk=entry.pk) for entry in entries]


def unmet(entry: Entry) -> int:
    return Entry.objects.get(pk=entry.pk).unmet_dependencies


def state(entry: Entry) -> tuple[str, str]:
    row = Entry.objects.get(pk=entry.pk)
    return row.status, row.reason_code


@pytest.mark.parametrize("count", [1, 2])
def test_one_and_many_get_the_same_columns(shop: Workspace, count: int) -> None:
    behind = an_entry(shop)
    entries = [an_entry(shop) for _ in range(count)]
    Entry.objects.exclude(pk=behind.pk).update(parked_behind=behind, open_head="a" * 40)
    for entry in moved(entries, Next("blocked", "human_hold", "x" * 600)):
        assert (entry.status, entry.reason_code, entry.reason_message) == ("blocked", "human_hold", "x" * 500)
        assert entry.reason_at is not None and (entry.parked_behind, entry.open_head) == (None, "")
    long = ways.closed(by="a" * 300, reason="r" * 600)
    for entry in moved(entries, Next("done", done=long)):
        assert (entry.reason_code, entry.reason_message, entry.reason_at) == ("", "", None)
        assert (entry.done_way, entry.done_by, entry.done_reason) == ("closed", "a" * 200, "r" * 500)


def test_entries_of_a_workspace_are_read_in_the_given_order_and_none_that_was_deleted(shop: Workspace) -> None:
    first, second = some_entries(shop, "one", "two")
    with transaction.atomic():
        assert entry_state.lock_all([second, first]) == [second, first]
    Entry.objects.filter(pk=first.pk).update(deleted_at="2026-01-01T00:00:00Z")
    with pytest.raises(NotFound), transaction.atomic():
        entry_state.lock_all([second, first])


@pytest.mark.parametrize(("following", "kept"), [(PENDING, 1), (LANDING, 1), (HELD, 0), (FAILED, 0), (CLOSED, 0)])
def test_an_entry_that_does_not_go_on_releases_its_locks_alone(shop: Workspace, following: Next, kept: int) -> None:
    entry, other = some_entries(shop, "one", "two")
    for each in (entry, other):
        FileLock.objects.create(workspace=shop, path=f"{each.seq}.py", entry=each)
    moved([entry], following)
    assert FileLock.objects.filter(entry=entry).count() == kept and FileLock.objects.filter(entry=other).exists()


def test_what_waits_counts_each_that_is_done_once_and_again_when_it_is_reopened(shop: Workspace) -> None:
    first, second, third, both, single = some_entries(
        shop, Draft("a", ref="a"), Draft("b", ref="b"), "c", Draft("both", depends_on=("a", "b")), Draft("one", depends_on=("b",))
    )
    for following, counts in ((CLOSED, (0, 0)), (CLOSED, (0, 0)), (PENDING, (2, 1)), (HELD, (2, 1)), (CLOSED, (0, 0))):
        moved([first, second], following)
        assert (unmet(both), unmet(single), unmet(third)) == (*counts, 0)


def test_an_open_commit_lets_others_start_until_the_entry_is_in_another_state(shop: Workspace) -> None:
    entry, waiting = some_entries(shop, Draft("a", ref="a"), Draft("b", depends_on=("a",)))
    for following, left in ((PENDING, 1), (CLOSED, 0)):
        with transaction.atomic():
            for _ in range(2):  # a second pull request commit counts once
                entry_state.open_to_dependents(entry_state.lock(entry), "c" * 40)
        assert unmet(waiting) == 0 and Entry.objects.get(pk=entry.pk).open_head == "c" * 40
        moved([entry], following)
        assert unmet(waiting) == left


def test_a_failure_blocks_what_is_pending_behind_it_and_nothing_else(shop: Workspace) -> None:
    entry, other = some_entries(shop, Draft("a", ref="a"), "b")
    behind, split, held, at_work = some_entries(shop, *(Draft(name, depends_on=(entry.pk,)) for name in "cdef"))
    splitting.split(split, [Draft("child"), Draft("another")], by=ANA)
    moved([held], HELD)
    Entry.objects.filter(pk=at_work.pk).update(status="in_progress")
    moved([entry], FAILED)
    assert state(behind) == ("blocked", "dependency_failed") and state(held) == ("blocked", "human_hold")
    assert Entry.objects.get(pk=behind.pk).reason_message == "#1 a failed"
    assert state(split) == ("blocked", "children_unfinished"), "its children wait as it did"
    assert (state(at_work)[0], state(other)) == ("in_progress", ("pending", ""))


def test_an_entry_that_no_longer_failed_unblocks_only_what_it_had_blocked(shop: Workspace) -> None:
    first, second = some_entries(shop, Draft("a", ref="a"), "b")
    behind, held, both = some_entries(shop, *(Draft(name, depends_on=(first.pk,)) for name in "cde"))
    [elsewhere] = some_entries(shop, Draft("f", depends_on=(second.pk,)))
    dependencies.depend(both, second, by=ANA)
    moved([held], HELD)
    moved([first], FAILED)
    moved([second], FAILED)
    moved([first], PENDING)
    assert state(behind) == ("pending", "") and state(held) == ("blocked", "human_hold")
    assert state(both) == state(elsewhere) == ("blocked", "dependency_failed")
    moved([second], CLOSED)
    assert state(both) == state(elsewhere) == ("pending", "")


def test_a_split_entry_that_fails_blocks_what_waits_for_it_and_for_those_above(shop: Workspace) -> None:
    top, behind = some_entries(shop, Draft("top", ref="t"), Draft("behind", depends_on=("t",)))
    middle, second = splitting.split(top, [Draft("middle"), Draft("second")], by=ANA)
    leaf, third = splitting.split(middle, [Draft("leaf"), Draft("third")], by=ANA)
    moved([second, third], CLOSED)
    assert rebuild.find(shop.pk) == []
    [next_to] = some_entries(shop, Draft("beside", depends_on=(middle.pk,)))
    moved([leaf], FAILED)
    assert [state(each)[0] for each in (middle, top)] == ["failed", "failed"]
    assert state(behind) == state(next_to) == ("blocked", "dependency_failed")
    moved([leaf], CLOSED)
    assert rebuild.find(shop.pk) == []
    assert [state(each)[0] for each in (middle, top, behind, next_to)] == ["done", "done", "pending", "pending"]
    assert unmet(behind) == unmet(next_to) == 0
    moved([leaf], PENDING)
    assert unmet(behind) == unmet(next_to) == 1 and rebuild.find(shop.pk) == []


def test_only_an_entry_that_was_not_so_before_is_recorded_as_halted(shop: Workspace) -> None:
    first, second = some_entries(shop, "one", "two")
    moved([first], HELD)
    moved([first, second], Next("blocked", "human_hold", "Still on hold"))
    moved([first, second], FAILED)
    halted = Event.objects.filter(verb__in=["entry.blocked", "entry.failed"]).order_by("id")
    assert [(event.verb, event.object_id, event.data["code"], event.reason) for event in halted] == [
        ("entry.blocked", first.pk, "human_hold", "On hold"),
        ("entry.blocked", second.pk, "human_hold", "Still on hold"),
        ("entry.failed", first.pk, "rounds_exhausted", "All rounds are used up"),
        ("entry.failed", second.pk, "rounds_exhausted", "All rounds are used up"),
    ]


def test_no_one_is_asked_any_more_about_an_entry_that_moves(shop: Workspace) -> None:
    asked, other = some_entries(shop, "one", "two")
    for entry in (asked, other):
        queue.enqueue(entry, "c" * 40, round_=None, state=Landing.State.WAITING)
        waits = {"reason_code": "waiting_for_approval", "reason_message": "Approve it", "reason_at": "2026-01-01T00:00:00Z"}
        Entry.objects.filter(pk=entry.pk).update(**waits, open_head="c" * 40)
    with transaction.atomic():
        entry_state.end_reviews(entry_state.lock_all([asked]))
    row = Entry.objects.get(pk=asked.pk)
    assert (row.reason_code, row.reason_message, row.reason_at, row.open_head) == ("", "", None, "")
    assert state(other)[1] == "waiting_for_approval"
    assert [landing.state for landing in Landing.objects.order_by("pk")] == ["withdrawn", "waiting"]


@pytest.mark.parametrize(
    ("before", "following", "calls"),
    [
        (PENDING, HELD, {"give_back", "mark_due"}),
        (PENDING, Next("blocked", "no_improvement", "x"), {"give_back", "mark_due"}),
        (PENDING, Next("blocked", "merge_conflict", "x"), set()),
        (PENDING, Next("blocked", "project_budget_exceeded", "x"), {"mark_due"}),
        (PENDING, FAILED, {"mark_due"}),
        (PENDING, CLOSED, {"mark_due"}),
        (HELD, PENDING, {"give_again", "mark_due"}),
        (LANDING, PENDING, set()),
    ],
)
def test_money_follows_an_entry_that_stops_or_goes_on(
    shop: Workspace, before: Next, following: Next, calls: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = an_entry(shop)
    moved([entry], before)
    created: set[str] = set()
    for name in ("give_back", "give_again", "mark_due"):
        monkeypatch.setattr(funding, name, _noted(name, created))
    moved([entry], following)
    assert created == calls


def _noted(name: str, created: set[str]) -> Any:
    def note(*_: Any) -> int:
        created.add(name)
        return 1

    return note
