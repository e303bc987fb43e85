"""Removal of old files: agents' conversations, prompts and journals, records of missing working copies, stores of deleted workspaces. Never of a working copy
or an open session. Other stores get their indexes renewed."""

import os
import time
from contextlib import suppress
from pathlib import Path

import structlog
from django.conf import settings
from django.db.models import Q

from budget.models import Hold
from orchestration.git.clones import working_copies
from orchestration.git.clones.safety.records import RECORDS, Record
from orchestration.git.clones.store import stores
from orchestration.git.command import GitError
from orchestration.models import Entry, Session
from orchestration.repositories import local_repository
from orchestration.sessions import conversations, sandbox
from orchestration.sessions.folders import session_dir
from orchestration.sessions.stages import caches
from orchestration.worker.preparing import candidate_places
from workspaces.models import Workspace

log = structlog.get_logger(__name__)

HOUR_S = 3600.0
_done_at = 0.0


def run_hourly() -> None:
    """Clean up once an hour. Every tick calls this."""
    global _done_at
    if time.monotonic() - _done_at >= HOUR_S or not _done_at:
        _done_at = time.monotonic()
        remove_old_folders()
        remove_landed()
        forget_candidates()
        index_stores()


def remove_old_folders() -> int:
    """Remove folders that are unchanged for MUSTER_KEEP_DAYS. Returns their number."""
    oldest = time.time() - settings.KEEP_DAYS * 86_400
    unread = Q(hold__in=Hold.objects.exclude(awaits_host=""))  # its spend is in its files alone
    open_sessions = Session.of_any_role.filter(unread | Q(status__in=Session.OPEN))
    removed = 0
    for folder in _old_folders(settings.DATA_DIR / "sessions", oldest):
        if not open_sessions.filter(pk=folder.name).exists():
            sandbox.remove_scratch(folder)
            removed += 1
    for folder in _old_folders(settings.DATA_DIR / "homes", oldest):
        owner = folder.name.partition("-")[0]
        if not open_sessions.filter(Q(entry_id=owner) | Q(pk=owner)).exists():
            conversations.forget(folder.name)
            sandbox.remove_scratch(folder)
            removed += 1
    for folder in _old_folders(session_dir.worktrees() / RECORDS, oldest):
        if _is_of_nothing(folder) and not open_sessions.filter(entry_id=folder.name.partition("-")[0]).exists():
            sandbox.remove_scratch(folder)
            removed += 1
    in_use = Workspace.objects.filter(deleted_at__isnull=True)
    removed += caches.remove_unused(set(in_use.values_list("pk", flat=True)), oldest)
    for folder in _old_folders(settings.DATA_DIR / "stores", oldest):
        if folder.is_dir() and not in_use.filter(pk=folder.name).exists():  # also damaged ones, put aside
            sandbox.remove_scratch(folder)
            removed += 1
    if removed:
        log.info("housekeeping.tidied", folders=removed)
    return removed


def remove_landed() -> None:
    """Remove working copies of done entries: a lander does so on its own host alone."""
    names = working_copies.names_in(session_dir.worktrees(), "entry_*")
    ids = {name.partition("-")[0] for name in names}
    for entry in Entry.objects.filter(pk__in=ids, status=Entry.Status.DONE).select_related("workspace"):
        try:
            session_dir.working_copy(entry).discard()
            candidate_places.tidy(entry)
        except GitError as problem:
            log.warning("worktree.not_removed", entry=entry.pk, error=str(problem)[-200:])


def forget_candidates() -> None:
    """Remove the work of unchosen candidates, of the workspaces on this host."""
    for workspace in Workspace.objects.filter(deleted_at__isnull=True):
        try:
            if (repo := local_repository.path(workspace)).is_dir():
                candidate_places.forget_old(repo)
        except (GitError, OSError) as problem:
            log.warning("candidates.not_removed", workspace=workspace.pk, error=str(problem)[-200:])


def _is_of_nothing(record: Path) -> bool:
    """True for a record without a working copy, and without work in the store."""
    state = Record(record).read()
    return not os.path.lexists(session_dir.worktrees() / record.name) and (state is None or state.tip == state.delivered)


def index_stores() -> None:
    for path in (settings.DATA_DIR / "stores").glob("*/objects"):
        try:
            if stores.index_packs(path.parent):
                log.info("housekeeping.store_indexed", store=path.parent.name)
        except GitError as problem:
            log.warning("housekeeping.store_not_indexed", store=path.parent.name, error=str(problem)[-200:])


def _old_folders(root: Path, oldest: float) -> list[Path]:
    """The old folders below a root. Links are not followed; vanishing folders are ignored."""
    folders = []
    for folder in root.iterdir() if root.is_dir() else ():
        with suppress(FileNotFoundError):
            if folder.lstat().st_mtime < oldest:
                folders.append(folder)
    return folders
