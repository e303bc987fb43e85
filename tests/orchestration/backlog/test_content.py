"""A person edits an entry: all at once, never over another person's edit, and never one that is at work."""

import pytest

from orchestration.backlog import content, dependencies, entries, fields
from orchestration.backlog.content import Change
from orchestration.backlog.entries import Draft
from orchestration.models import Entry, FileLock
from tests.factories import ANA, CLOSED, a_session, an_entry, ended, some_entries
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event, Workspace

BEA = Caller("bea")


def again(entry: Entry) -> Entry:
    return Entry.objects.get(pk=entry.pk)


def version_of(entry: Entry) -> str:
    return content.version(fields.values(again(entry), entry.dependencies.values_list("depends_on_id", flat=True)))


def needs(entry: Entry) -> list[str]:
    return list(entry.dependencies.order_by("depends_on__seq").values_list("depends_on_id", flat=True))


def test_text_spec_group_and_dependencies_change_together(workspace: Workspace) -> None:
    first, second = some_entries(workspace, "First", "Second")
    spec = {"acceptance_criteria": ["works"], "files_to_modify": ["b.py", "a.py"], "tests": ["tests/test_a.py::*"]}
    content.edit(second, Change(content="Better", group="Dates", spec=spec, depends_on=(first.pk,)), by=ANA, reason="clearer")
    row = again(second)
    assert (row.content, row.group, row.spec, row.paths) == ("Better", "Dates", spec, ["a.py", "b.py"])
    assert (needs(row), row.unmet_dependencies) == ([first.pk], 1)
    event = Event.objects.get(verb="entry.edited")
    assert event.data["fields"] == ["content", "group", "acceptance_criteria", "files_to_modify", "tests"]
    assert event.reason == "clearer"


def test_an_edit_that_changes_nothing_is_not_recorded(workspace: Workspace) -> None:
    entry = an_entry(workspace, files=["a.py"])
    content.edit(entry, Change(content=entry.content, spec=entry.spec, depends_on=()), by=ANA)
    assert not Event.objects.filter(verb__in=["entry.edited", "entry.depends"]).exists()


def test_the_second_of_two_editors_is_refused_and_learns_who_was_first(workspace: Workspace) -> None:
    entry = an_entry(workspace)
    seen = version_of(entry)
    content.edit(entry, Change(content="Bea's words"), by=BEA, seen=seen)
    with pytest.raises(Conflict, match="changed by bea since you opened it"):
        content.edit(entry, Change(content="Ana's words"), by=ANA, seen=seen)
    assert again(entry).content == "Bea's words"
    content.edit(entry, Change(content="Ana's words"), by=ANA, seen=version_of(entry))
    assert again(entry).content == "Ana's words"


def test_the_version_follows_what_the_form_edits_and_nothing_else(workspace: Workspace) -> None:
    first, second = some_entries(workspace, "First", "Second")
    seen = version_of(second)
    Entry.objects.filter(pk=second.pk).update(priority=0, rounds_completed=2)
    assert version_of(second) == seen
    dependencies.depend(second, first, by=ANA)
    assert version_of(second) != seen


def test_an_entry_at_work_is_left_alone(workspace: Workspace) -> None:
    entry = a_session(an_entry(workspace, content="As it was")).entry
    with pytest.raises(Invalid, match="in progress"):
        content.edit(entry, Change(content="Other"), by=ANA)
    assert again(entry).content == "As it was"


def test_between_two_rounds_the_text_may_change_and_the_locked_files_may_not(workspace: Workspace) -> None:
    entry = ended(a_session(an_entry(workspace, files=["a.py"]))).entry
    assert FileLock.objects.filter(entry=entry).exists()
    spec = entry.spec | {"acceptance_criteria": ["works"]}
    content.edit(entry, Change(content="Clearer", spec=spec), by=ANA)
    with pytest.raises(Invalid, match="holds its file locks"):
        content.edit(entry, Change(spec={"files_to_modify": ["b.py"]}), by=ANA)
    assert again(entry).spec == spec


def test_a_frozen_spec_stays(workspace: Workspace) -> None:
    entry = an_entry(workspace, files=["a.py"])
    Entry.objects.filter(pk=entry.pk).update(spec_frozen=True)
    content.edit(entry, Change(content="Clearer", spec=entry.spec), by=ANA)
    with pytest.raises(Invalid, match="frozen"):
        content.edit(entry, Change(spec={}), by=ANA)


def test_a_refused_part_refuses_the_whole(workspace: Workspace) -> None:
    first, second = some_entries(workspace, Draft("First", ref="a"), Draft("Second", depends_on=("a",)))
    for wish, words in [((second.pk,), "cycle"), ((first.pk,), "wait for itself"), (("entry_" + "0" * 20,), "Unknown entry")]:
        with pytest.raises(Invalid, match=words):
            content.edit(first, Change(content="Other", depends_on=wish), by=ANA)
        assert again(first).content == "First" and needs(first) == []


def test_a_done_entry_keeps_its_dependencies(workspace: Workspace) -> None:
    first, second = some_entries(workspace, "First", "Second")
    Entry.objects.filter(pk=second.pk).update(**CLOSED)
    with pytest.raises(Invalid, match="is done"):
        content.edit(second, Change(depends_on=(first.pk,)), by=ANA)


def test_dependencies_are_replaced_with_their_consequences(workspace: Workspace) -> None:
    done, open_, failed, waiting = some_entries(workspace, "Done", "Open", "Failed", "Waiting")
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    Entry.objects.filter(pk=failed.pk).update(status="failed", reason_code="rounds_exhausted")
    content.edit(waiting, Change(depends_on=(done.pk, open_.pk)), by=ANA)
    assert (again(waiting).status, again(waiting).unmet_dependencies) == ("pending", 1)
    content.edit(waiting, Change(depends_on=(failed.pk,)), by=ANA)
    assert (again(waiting).status, again(waiting).reason_code) == ("blocked", "dependency_failed")
    content.edit(waiting, Change(depends_on=()), by=ANA)
    assert (again(waiting).status, again(waiting).unmet_dependencies) == ("pending", 0)


def test_an_added_entry_has_its_group(workspace: Workspace) -> None:
    (entry,) = entries.add(workspace.pk, [Draft("A", group="Dates / Parsing")], by=ANA)
    assert again(entry).group == "Dates / Parsing"
