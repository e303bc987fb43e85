"""Taking away what agents leave on disk: conversations of CLIs, prompts, journals. Never a worktree, never what is still at work."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

import structlog
from django.conf import settings

from orchestration.models import Session
from orchestration.sessions import conversations

log = structlog.get_logger(__name__)

HOUR_S = 3600.0
_done_at = 0.0


def hourly() -> None:
    """Called by every tick; does something once an hour."""
    global _done_at
    if time.monotonic() - _done_at >= HOUR_S or not _done_at:
        _done_at = time.monotonic()
        tidy()


def tidy() -> int:
    """Remove folders that nobody has touched for MUSTER_KEEP_DAYS. Answers how many."""
    oldest = time.time() - settings.KEEP_DAYS * 86_400
    at_work = Session.objects.filter(status__in=Session.OPEN)
    gone = 0
    for folder in _old(settings.DATA_DIR / "sessions", oldest):
        if not at_work.filter(pk=folder.name).exists():
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    for folder in _old(settings.DATA_DIR / "homes", oldest):
        if not at_work.filter(entry_id=folder.name).exists():
            conversations.forget(folder.name)
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    if gone:
        log.info("housekeeping.tidied", folders=gone)
    return gone


def _old(root: Path, oldest: float) -> list[Path]:
    """Links are not followed, and what somebody else just took away is gone already."""
    found = []
    for folder in root.iterdir() if root.is_dir() else ():
        with suppress(FileNotFoundError):
            if folder.lstat().st_mtime < oldest:
                found.append(folder)
    return found
