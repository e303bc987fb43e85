"""The waits of entries are compared with their dependencies, children and locks, and corrected on record."""

from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.maintenance import rebuild
from orchestration.models import Dependency, Entry, FileLock
from tests.factories import ANA, CLOSED, a_workspace, an_entry, some_entries
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


def set_(entry: Entry, **values: Any) -> Entry:
    Entry.objects.filter(pk=entry.pk).update(**values)
    return entry


def drift(workspace: Workspace) -> list[tuple[str, str, object, object]]:
    return [(row.id, row.field, row.stored, row.expected) for row in rebuild.find(workspace.pk)]


def test_a_dependency_is_met_once_it_is_done_or_its_pull_request_is_open(shop: Workspace) -> None:
    entry, *others = some_entries(shop, "Waits", "Open", "Done", "Proposed")
    for other in others:
        Dependency.objects.create(entry=entry, depends_on=other)
    set_(others[1], **CLOSED)
    set_(others[2], open_head="a" * 40)
    assert drift(shop) == [(entry.pk, "unmet_dependencies", 0, 1)]
    set_(entry, unmet_dependencies=1)
    assert drift(shop) == []


def test_a_container_waits_for_its_own_children_that_are_there_and_not_done(shop: Workspace) -> None:
    whole = an_entry(shop)
    children = splitting.split(whole, [Draft(name) for name in ("Open", "Done", "Deleted")], by=ANA)
    set_(children[1], **CLOSED)
    set_(children[2], deleted_at=now())
    set_(whole, unmet_dependencies=9)
    assert drift(shop) == [(whole.pk, "unmet_dependencies", 9, 1)]


def test_an_entry_is_parked_only_while_pending_behind_one_with_an_overlapping_lock(shop: Workspace) -> None:
    owner, other, entry = (an_entry(shop) for _ in range(3))
    FileLock.objects.create(workspace=shop, entry=owner, path="src/")
    FileLock.objects.create(workspace=shop, entry=other, path="docs/a.md")
    for paths, is_parked in ((["src/a.py"], True), (["src/"], True), (["docs/a.md"], False), (["srcs/a.py"], False)):
        set_(entry, parked_behind=owner, paths=paths)
        assert drift(shop) == ([] if is_parked else [(entry.pk, "parked_behind", owner.pk, None)]), paths
    set_(entry, parked_behind=other, paths=["docs/"])
    assert drift(shop) == [], "the lock lies in what it asks for"
    set_(entry, status="blocked", reason_code="human_hold")
    assert drift(shop) == [(entry.pk, "parked_behind", other.pk, None)]


def test_it_corrects_one_workspace_and_records_fifty_of_what_it_changed(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[tuple[str, ...]] = []
    monkeypatch.setattr(rebuild.wake_ups, "enqueue_cycle", lambda pk: woken.append((pk,)))
    monkeypatch.setattr(rebuild.wake_ups, "publish_change", lambda *words: woken.append(words))
    assert rebuild.correct(shop.pk, by=ANA, reason="none") == [] and woken == []
    assert not Event.objects.filter(verb="entries.rebuilt").exists()
    other = an_entry(a_workspace(name="Other"))
    some_entries(shop, *(f"Number {n}" for n in range(52)))
    Entry.objects.update(unmet_dependencies=3)
    woken.clear()
    assert len(rebuild.correct(shop.pk, by=ANA, reason="a bad script")) == 52
    assert rebuild.find(shop.pk) == [] and Entry.objects.get(pk=other.pk).unmet_dependencies == 3
    event = Event.objects.get(verb="entries.rebuilt")
    assert (event.workspace_id, event.object_id, event.reason, event.actor) == (shop.pk, shop.pk, "a bad script", ANA.name)
    assert (event.data["count"], len(event.data["changed"])) == (52, 50)
    assert event.data["changed"][0][2:] == ["unmet_dependencies", 3, 0]
    assert woken == [(shop.pk,), (shop.pk, "entries", "locks")]
