"""Old files of agents are removed, and newer ones stay."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from budget.models import Hold
from orchestration.git.clones.safety.records import RECORDS, Record, State
from orchestration.git.command import GitError
from orchestration.models import Entry
from orchestration.sessions import conversations
from orchestration.worker import housekeeping
from tests.factories import CLOSED, a_session, a_workspace, an_entry, ended
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def test_old_homes_are_removed_unless_a_session_is_open(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR, settings.KEEP_DAYS = tmp_path, 14
    workspace = a_workspace()
    old, busy, fresh = (an_entry(workspace) for _ in range(3))
    ended(a_session(old), outcome="passed")
    a_session(busy)
    conversations.keep(old.pk, "implement", "codex", "thread", {})
    for entry in (old, busy, fresh):
        (tmp_path / "homes" / entry.pk / "codex").mkdir(parents=True)
        days = 1 if entry is fresh else 15
        os.utime(tmp_path / "homes" / entry.pk, (time.time(), time.time() - days * 86_400))
    assert housekeeping.remove_old_folders() == 1
    assert {folder.name for folder in (tmp_path / "homes").iterdir()} == {busy.pk, fresh.pk}
    assert conversations.find(old.pk, "implement", "codex") is None


def test_the_store_of_a_deleted_workspace_is_removed_and_one_in_use_stays(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR, settings.KEEP_DAYS = tmp_path, 14
    used, deleted, fresh = a_workspace(), a_workspace(), a_workspace()
    Workspace.objects.filter(pk__in=[deleted.pk, fresh.pk]).update(deleted_at=Now())
    for name in (used.pk, deleted.pk, fresh.pk, f"damaged-{used.pk}"):
        (tmp_path / "stores" / name / "objects").mkdir(parents=True)
        days = 1 if name == fresh.pk else 15
        os.utime(tmp_path / "stores" / name, (time.time(), time.time() - days * 86_400))
    (tmp_path / "stores" / ".lock").touch()
    assert housekeeping.remove_old_folders() == 2
    assert {folder.name for folder in (tmp_path / "stores").iterdir()} == {used.pk, fresh.pk, ".lock"}


def test_the_record_of_a_working_copy_that_is_gone_is_removed_unless_only_the_store_has_its_work(
    tmp_path: Path, settings: Any
) -> None:
    settings.DATA_DIR, settings.KEEP_DAYS = tmp_path, 14
    (tmp_path / "worktrees" / "there").mkdir(parents=True)
    for name, delivered in {"gone": "a", "there": "a", "undelivered": "b"}.items():
        record = Record(tmp_path / "worktrees" / RECORDS / name)
        record.write(State("a", "a", "main", delivered=delivered))
        os.utime(record.folder, (0, 0))
    assert housekeeping.remove_old_folders() == 1
    assert {folder.name for folder in (tmp_path / "worktrees" / RECORDS).iterdir()} == {"there", "undelivered"}


def test_a_dangling_link_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    assert [folder.name for folder in housekeeping._old_folders(tmp_path, time.time() + 60)] == ["lost"]


def test_the_files_of_sessions_are_kept_while_they_are_open_unread_or_young(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR, settings.KEEP_DAYS = tmp_path, 14
    shop = a_workspace()
    old, unread, fresh, busy = (a_session(an_entry(shop)) for _ in range(4))
    for session in (old, unread, fresh):
        ended(session)
    Hold.objects.filter(pk=unread.hold_id).update(awaits_host="east")
    for session in (old, unread, fresh, busy):
        folder = tmp_path / "sessions" / session.pk
        folder.mkdir(parents=True)
        days = 13.9 if session is fresh else 14.1
        os.utime(folder, (time.time(), time.time() - days * 86_400))
    assert housekeeping.remove_old_folders() == 1
    assert {folder.name for folder in (tmp_path / "sessions").iterdir()} == {unread.pk, fresh.pk, busy.pk}


def test_working_copies_of_what_is_done_are_removed_and_one_that_stays_keeps_no_other(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    shop = a_workspace()
    done, stays, open_ = (an_entry(shop) for _ in range(3))
    Entry.objects.filter(pk__in=[done.pk, stays.pk]).update(**CLOSED)
    for entry in (stays, done, open_):
        (tmp_path / "worktrees" / entry.pk).mkdir(parents=True)
    discarded: list[str] = []

    class Copy:
        def __init__(self, entry: Entry) -> None:
            self.entry = entry

        def discard(self) -> None:
            discarded.append(self.entry.pk)
            if self.entry.pk == stays.pk:
                raise GitError("worktree", "it is in use")

    monkeypatch.setattr(housekeeping.session_dir, "working_copy", Copy)
    housekeeping.remove_landed()
    assert sorted(discarded) == sorted([done.pk, stays.pk])


def test_it_acts_at_once_and_then_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    at, acted = [5000.0], list[str]()
    monkeypatch.setattr(housekeeping, "_done_at", 0.0)
    monkeypatch.setattr(housekeeping.time, "monotonic", lambda: at[0])
    for name in ("remove_old_folders", "remove_landed", "index_stores"):
        monkeypatch.setattr(housekeeping, name, lambda name=name: acted.append(name))
    for later, times in ((0, 1), (3599, 1), (1, 2), (10, 2)):
        at[0] += later
        housekeeping.run_hourly()
        assert len(acted) == 3 * times
