"""Old files of agents are removed, and newer ones stay."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from orchestration.sessions import conversations
from orchestration.worker import housekeeping
from tests.factories import a_session, a_workspace, an_entry, ended

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


def test_a_dangling_link_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    assert [folder.name for folder in housekeeping._old_folders(tmp_path, time.time() + 60)] == ["lost"]
