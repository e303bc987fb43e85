"""A person edits an entry: what of its work stands afterwards, and what another value leaves alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.backlog import content, entry_edits, fields
from orchestration.backlog.content import Change
from orchestration.models import Entry, FileLock, Round
from tests.factories import ANA, CLOSED, a_session, an_entry, ended, some_entries
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
BEA = Caller("bea")
TEXT, SPEC = Change(content="Other words"), Change(spec={"acceptance_criteria": ["It works"]})
PLACE = Change(group="Dates", priority=Entry.Priority.HIGH, parallelizable=False, parallel_group="db", requires=("gpu",))


def again(entry: Entry) -> Entry:
    return Entry.objects.get(pk=entry.pk)


def data(verb: str) -> list[dict[str, Any]]:
    return [event.data for event in Event.objects.filter(verb=verb).order_by("id")]


def verified_next(entry: Entry, *verdicts: str) -> Entry:
    """The entry between two rounds, whose next session only verifies. `verdicts`: of its rounds, the oldest first."""
    session = ended(a_session(entry))
    session.rounds.update(verdict=verdicts[0], number=1)
    for number, verdict in enumerate(verdicts[1:], start=2):
        Round.objects.create(entry=entry, session=session, number=number, verdict=verdict)
    FileLock.objects.filter(entry=entry).delete()
    Entry.objects.filter(pk=entry.pk).update(next_work="verify")
    return again(entry)


@pytest.mark.parametrize("change", [TEXT, SPEC])
@pytest.mark.parametrize(
    ("verdicts", "work"),
    [(("failed", "unverified"), "implement"), (("unverified", "failed"), "verify"), (("unverified", "passed"), "verify")],
)
def test_work_that_is_not_verified_yet_is_made_anew_for_another_text(
    shop: Workspace, change: Change, verdicts: tuple[str, str], work: str
) -> None:
    entry = verified_next(an_entry(shop), *verdicts)
    content.edit(entry, PLACE, by=ANA)
    assert again(entry).next_work == "verify", "its place in line is no other task"
    content.edit(entry, change, by=ANA)
    assert again(entry).next_work == work


def test_a_new_spec_makes_it_anew_unparks_it_and_locks_other_files(shop: Workspace) -> None:
    entry, other = verified_next(an_entry(shop, files=["a.py"]), "unverified"), an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(parked_behind=other)
    entry_edits.set_spec(entry, {"files_to_create": ["b.py"]}, by=ANA)
    row = again(entry)
    assert (row.next_work, row.paths, row.spec, row.parked_behind) == (
        "implement", ["b.py"], {"files_to_create": ["b.py"]}, None,
    )  # fmt: skip


def test_a_spec_stays_while_it_is_frozen_or_its_files_are_locked(shop: Workspace) -> None:
    entry = an_entry(shop, files=["a.py"])
    lock = FileLock.objects.create(workspace=shop, entry=entry, path="a.py")
    with pytest.raises(Invalid, match="holds its file locks"):
        entry_edits.set_spec(entry, {}, by=ANA)
    lock.delete()
    entry_edits.freeze_spec(entry, by=ANA)
    entry_edits.freeze_spec(entry, by=ANA)
    with pytest.raises(Invalid, match="frozen"):
        entry_edits.set_spec(entry, {}, by=ANA)
    assert again(entry).paths == ["a.py"] and len(data("entry.spec_frozen")) == 1 and data("entry.spec") == []


def test_its_files_stay_while_it_holds_them_for_its_verification(shop: Workspace) -> None:
    entry, other = verified_next(an_entry(shop, files=["a.py"]), "failed"), an_entry(shop)
    FileLock.objects.create(workspace=shop, entry=entry, path="a.py")
    Entry.objects.filter(pk=entry.pk).update(parked_behind=other)
    content.edit(entry, Change(spec={"files_to_modify": ["a.py"], "requirements": "Short"}), by=ANA)
    assert again(entry).parked_behind == other, "it needs the same files"
    with pytest.raises(Invalid, match="holds its file locks"):
        content.edit(entry, Change(spec={"files_to_modify": ["b.py"]}), by=ANA)
    FileLock.objects.all().delete()
    content.edit(entry, Change(spec={"files_to_modify": ["b.py"]}), by=ANA)
    assert (again(entry).paths, again(entry).parked_behind) == (["b.py"], None)


def test_only_another_text_or_spec_since_a_moment_is_another_task(shop: Workspace) -> None:
    entry, other = an_entry(shop), an_entry(shop)
    start = now()
    content.edit(entry, PLACE, by=ANA)
    content.edit(other, TEXT, by=ANA)
    content.edit(other, SPEC, by=ANA)
    assert not content.changed_since(entry, start)
    for change in (
        lambda: content.edit(entry, TEXT, by=ANA),
        lambda: content.edit(entry, SPEC, by=ANA),
        lambda: entry_edits.set_spec(entry, {}, by=ANA),
    ):
        before = now()
        change()
        at = Event.objects.filter(object_id=entry.pk).latest("id").at
        assert content.changed_since(entry, before) and content.changed_since(entry, at - timedelta(microseconds=1))
        if at.microsecond:  # SQLite compares texts: a whole second has no fraction in a query
            assert not content.changed_since(entry, at), "what was verified then was made for it"


def test_each_value_that_the_form_edits_makes_another_version(shop: Workspace) -> None:
    (entry,) = some_entries(shop, "One")
    named = fields.values(entry, [])
    versions = [content.version(named), *(content.version(named | {name: ["x"]}) for name in fields.EDITED_FIELDS)]
    assert len(set(versions)) == len(fields.EDITED_FIELDS) + 1
    for name in fields.LINE_FIELDS:
        assert content.version(named | {name: "x"}) == versions[0]
    full = dict.fromkeys(named) | {
        "content": "One", "priority": "medium", "parallelizable": True,
    }  # fmt: skip
    assert named == full, "an empty value is none, whatever its type"
    assert fields.values(Entry(content=" One\n", parallelizable=False, requires=["b", "a"]), ["e2", "e1"]) == full | {
        "parallelizable": False, "requires": ["a", "b"], "depends_on": ["e1", "e2"],
    }  # fmt: skip


def test_the_editor_who_was_last_is_named(shop: Workspace) -> None:
    entry, other = an_entry(shop), an_entry(shop)
    for row, by in ((entry, ANA), (entry, BEA), (other, ANA)):
        content.edit(row, Change(content=f"{by.name}'s words"), by=by)
    with pytest.raises(Conflict, match="changed by bea since"):
        content.edit(entry, TEXT, by=ANA, seen="1" * 16)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": "in_progress"}, "is in progress"),
        ({"reason_code": "waiting_for_approval"}, "waits for approval"),
        ({"reason_code": "waiting_for_merge"}, "open as a pull request"),
        ({"reason_code": "waiting_for_proof"}, "is unproven"),
        ({"reason_code": "unproven"}, "is unproven"),
    ],
)
def test_an_entry_whose_work_waits_for_a_decision_is_not_edited(shop: Workspace, fields: dict[str, str], sentence: str) -> None:
    entry = an_entry(shop)
    Entry.objects.filter(pk=entry.pk).update(**fields)
    with pytest.raises(Invalid, match=sentence):
        content.edit(entry, TEXT, by=ANA)
    assert again(entry).content == "Do it" and data("entry.edited") == []


def test_rounds_bring_an_entry_back_that_failed_for_them_alone(shop: Workspace) -> None:
    exhausted, held, short = some_entries(shop, "Exhausted", "Held", "Short")
    used = {"rounds_completed": 5, "reason_message": "x"}
    Entry.objects.filter(pk__in=[exhausted.pk, short.pk]).update(status="failed", reason_code="rounds_exhausted", **used)
    Entry.objects.filter(pk=held.pk).update(status="blocked", reason_code="human_hold", **used)
    Entry.objects.filter(pk=short.pk).update(budget_rounds=3)
    entry_edits.set_rounds(short, 5, by=ANA)
    assert again(short).status == "failed", "it has made five"
    for entry in (exhausted, held):
        entry_edits.set_rounds(entry, 6, by=ANA, reason="One more")
    assert [(again(entry).status, again(entry).budget_rounds) for entry in (exhausted, held, short)] == [
        ("pending", 6), ("blocked", 6), ("failed", 5),
    ]  # fmt: skip
    assert data("entry.rounds") == [{"before": 3, "after": 5}, {"before": 5, "after": 6}, {"before": 5, "after": 6}]


def test_its_parallel_group_and_its_person_are_set_one_by_one(shop: Workspace) -> None:
    entry, other = an_entry(shop), an_entry(shop)
    entry_edits.set_parallel(entry, parallelizable=False, parallel_group="db", by=ANA)
    entry_edits.set_parallel(entry, parallelizable=True, by=ANA)
    assert (again(entry).parallelizable, again(entry).parallel_group) == (True, "db")
    entry_edits.set_parallel(entry, parallel_group="", by=ANA)
    assert (again(entry).parallelizable, again(entry).parallel_group) == (True, "")
    assert data("entry.parallel")[-1] == {
        "before": {"parallelizable": True, "parallel_group": "db"},
        "after": {"parallelizable": True, "parallel_group": ""},
    }
    entry_edits.assign(entry, "bea", by=ANA)
    entry_edits.assign(entry, "", by=ANA)
    assert data("entry.assigned") == [{"before": "", "after": "bea"}, {"before": "bea", "after": ""}]
    Entry.objects.filter(pk=other.pk).update(**CLOSED)
    entry_edits.assign(other, "cid", by=ANA)
    assert (again(entry).assigned_to, again(other).assigned_to) == ("", "cid")
