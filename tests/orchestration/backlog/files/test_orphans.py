"""Locks that no entry needs: in the database and in memory by one rule, and released by a person once."""

from itertools import product

import pytest

from orchestration.backlog.files import orphans
from orchestration.models import Entry, FileLock, Session
from tests.factories import ANA, CLOSED, a_session, a_workspace, an_entry, ended, some_entries
from workspaces.errors import Invalid
from workspaces.models import Event

pytestmark = pytest.mark.django_db
STUCK = {"reason_code": "rounds_exhausted", "reason_message": "x"}


def test_a_lock_is_orphaned_if_its_entry_is_idle_deleted_or_has_not_begun_and_has_no_session() -> None:
    session = a_session(an_entry(a_workspace()))
    lock = FileLock.objects.create(workspace=session.workspace, path="a.py", entry=session.entry)
    for is_open in (True, False):
        if not is_open:
            ended(session)
        for status, deleted_at, has_rounds, attempts in product(
            ("pending", "in_progress", "blocked", "failed", "done"), (None, "2026-01-01T00:00:00Z"), (True, False), (0, 1)
        ):
            fields = {"done": CLOSED, "blocked": STUCK, "failed": STUCK}.get(status, {"reason_code": ""})
            begun = {"status": status, "deleted_at": deleted_at, "has_rounds": has_rounds, "attempts": attempts}
            route = {"done_way": "", "done_by": ""} if status != "done" else {}
            Entry.objects.filter(pk=lock.entry_id).update(**{**route, **fields, **begun})
            entry = Entry.objects.get(pk=lock.entry_id)
            is_begun = has_rounds or attempts > 0
            expected = not is_open and not (status in ("pending", "in_progress") and deleted_at is None and is_begun)
            assert bool(orphans.filter_orphans(FileLock.objects.all())) is expected
            assert (orphans.reason_kept(entry, is_open=is_open) == "") is expected


def test_sessions_that_are_open_are_found_by_their_entries() -> None:
    shop = a_workspace()
    entry, other = an_entry(shop), an_entry(shop)
    session = a_session(entry)
    Session.objects.exclude(pk=session.pk).update(status="ended", outcome="stopped", ended_at="2026-01-01T00:00:00Z")
    assert orphans.with_open_session([entry.pk, other.pk]) == {entry.pk} and orphans.with_open_session([other.pk]) == set()


def test_a_person_releases_the_locks_of_one_entry_and_those_behind_it_go_on() -> None:
    shop = a_workspace()
    entry, other, parked = some_entries(shop, "one", "two", "three")
    for path, owner in (("b.py", entry), ("a.py", entry), ("c.py", other)):
        FileLock.objects.create(workspace=shop, path=path, entry=owner)
    Entry.objects.filter(pk=parked.pk).update(parked_behind=entry)
    assert orphans.release(entry.pk, by=ANA, reason="stale") == 2
    parked.refresh_from_db()
    assert parked.parked_behind is None and list(FileLock.objects.values_list("path", flat=True)) == ["c.py"]
    event = Event.objects.get(verb="locks.released")
    assert (event.object_id, event.data, event.reason, event.actor) == (
        entry.pk, {"count": 2, "paths": ["a.py", "b.py"]}, "stale", "ana",
    )  # fmt: skip
    assert orphans.release(entry.pk, by=ANA, reason="again") == 0 and Event.objects.filter(verb="locks.released").count() == 1


def test_locks_that_an_entry_needs_are_not_released() -> None:
    shop = a_workspace()
    entry = an_entry(shop)
    FileLock.objects.create(workspace=shop, path="a.py", entry=entry)
    Entry.objects.filter(pk=entry.pk).update(has_rounds=True)
    with pytest.raises(Invalid, match="between its rounds"):
        orphans.release(entry.pk, by=ANA, reason="")
    assert FileLock.objects.exists()
