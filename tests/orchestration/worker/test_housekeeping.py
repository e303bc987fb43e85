"""Old files of agents are removed, and newer ones stay."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestration.git.clones.records import RECORDS, Record, State
from orchestration.sessions import conversations
from orchestration.worker import housekeeping
from tests.factories import a_session, a_workspace, an_entry, ended
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
