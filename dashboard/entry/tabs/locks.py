"""The paths of one entry: requested, locked, and who blocks them."""

from dataclasses import dataclass
from typing import Any

from dashboard.shared.lists.head import first_of
from dashboard.shared.page_request import PageRequest
from orchestration.backlog.files import locks
from orchestration.backlog.files.paths import LockTable
from orchestration.models import Entry, FileLock

MAX_BEHIND = 50


@dataclass(frozen=True)
class Row:
    """`state`: held (by this entry), locked (by another) or free. `by_name`: the spec names the path; otherwise a session locked it."""

    path: str
    state: str
    by_name: bool
    lock: FileLock | None = None


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """Two queries, and a third for waiting entries if it holds a lock."""
    overlapping = locks.overlapping(entry.workspace_id, entry.paths_to_lock)
    paths = [path for path, _ in overlapping]
    queryset = FileLock.objects.filter(workspace=page_request.workspace, path__in=paths) | FileLock.objects.filter(entry=entry)
    locks_ = list(queryset.select_related("entry").order_by("path"))
    table = LockTable(overlapping)
    rows = [_row(path, entry, table, locks_) for path in entry.paths_to_lock]
    more = [lock for lock in locks_ if lock.entry_id == entry.pk and lock.path not in entry.paths_to_lock]
    rows += [Row(lock.path, "held", by_name=False, lock=lock) for lock in more]
    holds = any(lock.entry_id == entry.pk for lock in locks_)
    behind = Entry.objects.filter(parked_behind=entry, deleted_at__isnull=True).order_by("seq")
    return {"entry": entry, "paths": rows, "behind": first_of(behind, MAX_BEHIND) if holds else []}


def _row(path: str, entry: Entry, table: LockTable, known: list[FileLock]) -> Row:
    blocker, by_name = table.blocker(path, entry.pk), path in entry.paths
    if blocker is None:
        mine = next((lock for lock in known if lock.path == path and lock.entry_id == entry.pk), None)
        return Row(path, "held" if mine else "free", by_name=by_name, lock=mine)
    theirs = [lock for lock in known if lock.entry_id == blocker[1]]
    exact = next((lock for lock in theirs if lock.path.rstrip("/") == blocker[0]), None)
    below = next((lock for lock in theirs if lock.path.startswith(path.rstrip("/") + "/")), None)
    return Row(path, "locked", by_name=by_name, lock=exact or below)
