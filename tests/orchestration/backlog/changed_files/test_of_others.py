"""Finished work in files of others: it waits for them, and only of two that would wait for each other one undoes its changes."""

from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.backlog import splitting
from orchestration.backlog.changed_files import of_others
from orchestration.backlog.changed_files.of_others import MAX_FILES, wait_or_undo
from orchestration.backlog.entries import Draft
from orchestration.models import Dependency, Entry, FileLock, Round
from tests.factories import ANA, CLOSED, a_session, an_entry
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.shop(max_workers=8)]


def holder(shop: Workspace, *paths: str) -> Entry:
    """An entry that has locked these paths."""
    return locking(an_entry(shop, budget="5"), *paths)


def locking(entry: Entry, *paths: str) -> Entry:
    FileLock.objects.bulk_create(FileLock(workspace=entry.workspace, path=path, entry=entry) for path in paths)
    return entry


def held(**holders: Entry) -> dict[str, tuple[str, str]]:
    return {name: (name, entry.pk) for name, entry in holders.items()}


def change(entry: Entry, **fields: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(**fields)
    entry.refresh_from_db()
    return entry


UNDO = "files_locked: b belongs to {}: undo your changes to it"


def test_work_waits_for_the_first_of_those_that_have_its_files(shop: Workspace) -> None:
    early, late = holder(shop, "b"), holder(shop, "c")
    entry = change(holder(shop, "a"), taken_paths=["z"])
    answer = wait_or_undo(entry, held(c=late, b=early))
    assert (
        answer.waits == (f"files_locked: #{early.seq} has locked c and 1 more: this work waits for it, and is verified then")
        and answer.findings == []
    )
    kept = Entry.objects.get(pk=entry.pk)
    assert kept.taken_paths == entry.taken_paths == ["b", "c", "z"] and kept.has_rounds
    assert wait_or_undo(entry, held(b=early)).waits.startswith(f"files_locked: #{early.seq} has locked b: this work")


def test_work_in_very_many_files_of_others_undoes_its_changes(shop: Workspace) -> None:
    other, entry = holder(shop, "src/"), holder(shop, "a")
    files = {f"src/{n}": ("src/", other.pk) for n in range(MAX_FILES + 1)}
    assert len(wait_or_undo(entry, files).findings) == 21 and change(entry).taken_paths == []
    files.popitem()
    assert wait_or_undo(entry, files).waits


def waiting(shop: Workspace, how: str) -> tuple[Entry, Entry]:
    """An entry that has locked `a`, and one that has locked `b` and waits for it in this way."""
    if how == "split":
        other = holder(shop, "b")
        first, *_ = splitting.split(other, [Draft("First"), Draft("Second")], by=ANA)
        FileLock.objects.get_or_create(workspace=shop, path="b", entry=other)
        return locking(first, "a"), change(other)
    entry, other = holder(shop, "a"), holder(shop, "b")
    if how == "depends":
        Dependency.objects.create(entry=other, depends_on=entry)
    elif how == "files":
        change(other, paths=["a"])
    elif how == "behind others":
        Dependency.objects.create(entry=other, depends_on=change(holder(shop, "m"), paths=["a"]))
    return entry, other


@pytest.mark.parametrize("how", ["depends", "files", "split", "behind others"])
def test_work_undoes_its_changes_to_the_files_of_what_waits_for_it(shop: Workspace, how: str) -> None:
    entry, other = waiting(shop, how)
    answer = wait_or_undo(entry, held(b=other, c=holder(shop, "c")))
    assert answer.findings == [UNDO.format(other.pk)] and not answer.waits
    assert change(entry).taken_paths == []


@pytest.mark.parametrize("fields", [CLOSED, {"deleted_at": now()}])
@pytest.mark.parametrize("how", ["depends", "split", "behind others"])
def test_what_is_done_or_deleted_waits_for_no_other(shop: Workspace, how: str, fields: dict[str, Any]) -> None:
    entry, other = waiting(shop, how)
    change(Entry.objects.filter(locks__path="m").first() or entry, **fields)
    assert wait_or_undo(entry, held(b=other)).waits


def rival(shop: Workspace, entry: Entry, **fields: Any) -> Entry:
    """Finished work behind the entry in line that waits for it only because it changed its files."""
    other = an_entry(shop, budget="5", content="rival")
    Round.objects.create(entry=other, session=a_session(other), number=9)
    Entry.objects.filter(pk=other.pk).update(
        **{"status": "pending", "taken_paths": ["a", "x"], "next_work": "verify", "parked_behind": entry, **fields}
    )
    FileLock.objects.create(workspace=shop, path="b", entry=other)
    return change(other)


def test_of_two_that_would_wait_for_each_other_the_later_in_line_undoes_its_changes(shop: Workspace) -> None:
    entry = holder(shop, "a", "n")
    other = rival(shop, entry)
    assert wait_or_undo(entry, held(b=other)).waits
    other.refresh_from_db()
    assert (other.taken_paths, other.parked_behind, other.next_work) == (["x"], None, "implement")
    newest = Round.objects.filter(entry=other).latest("number")
    assert newest.findings == [f"files_locked: a belongs to {entry.pk}: undo your changes to it"]


@pytest.mark.parametrize(
    "fields", [{"priority": -1}, {"status": "in_progress", "next_work": "verify"}, {"paths": ["n"]}, {"paths": ["n/below"]}]
)
def test_the_other_keeps_its_changes_where_it_is_first_at_work_or_waits_for_more(shop: Workspace, fields: dict[str, Any]) -> None:
    entry = holder(shop, "a", "n")
    other = rival(shop, entry, **fields)
    assert wait_or_undo(entry, held(b=other)).findings == [UNDO.format(other.pk)]
    assert change(other).taken_paths == ["a", "x"]


def test_the_other_keeps_its_changes_where_it_depends_on_the_entry_or_is_not_alone(shop: Workspace) -> None:
    entry = holder(shop, "a")
    other, third = rival(shop, entry), holder(shop, "c")
    assert wait_or_undo(entry, held(b=other, c=third)).findings == [UNDO.format(other.pk)]
    Dependency.objects.create(entry=other, depends_on=entry)
    assert wait_or_undo(entry, held(b=other)).findings == [UNDO.format(other.pk)]
    assert change(other).taken_paths == ["a", "x"]


def test_a_circle_without_the_entry_has_an_end(shop: Workspace) -> None:
    entry, first, second = holder(shop, "a"), holder(shop, "b"), holder(shop, "c")
    change(first, paths=["c"])
    change(second, paths=["b"])
    assert wait_or_undo(entry, held(b=first)).waits
    assert of_others.findings_for([]) == []
