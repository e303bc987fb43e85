"""File locks: taken with a session, kept between an entry's rounds, released when the entry is done, failed or blocked."""

from collections.abc import Sequence

from django.db import IntegrityError, connection, transaction

from orchestration.backlog.files import paths
from orchestration.models import Entry, Executor, FileLock, sql_dialect


def overlapping(workspace_id: str, requested: Sequence[str]) -> list[tuple[str, str]]:
    """The (path, entry id) of every lock that overlaps a requested path. One statement, by the index of paths."""
    if not requested:
        return []
    names = {path.rstrip("/") for path in requested}
    exact = sorted({form for name in names for up in (name, *paths.ancestors(name)) for form in (up, up + "/")})
    below = sql_dialect.packed({"low": name + "/", "high": name + "0"} for name in sorted(names))
    with connection.cursor() as cursor:
        # CROSS JOIN: SQLite keeps its order. With a plain join it reads all requested paths for each lock.
        cursor.execute(
            f"""SELECT path, entry_id FROM orchestration_filelock WHERE workspace_id = %s AND {sql_dialect.among("path")}
            UNION SELECT l.path, l.entry_id FROM {sql_dialect.table("r", {"low": "text", "high": "text"})}
            CROSS JOIN orchestration_filelock l WHERE l.workspace_id = %s AND l.path > r.low AND l.path < r.high""",
            [workspace_id, sql_dialect.values(exact), below, workspace_id],
        )
        return list(cursor.fetchall())


def extend(entry: Entry, requested: Sequence[str]) -> list[tuple[str, str]]:
    """Lock more paths for a running entry: all of them, or none. Returns the (path, holder) pairs in the way."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=entry.workspace_id)
        present = paths.LockTable(overlapping(entry.workspace_id, requested))
        if refused := [blocker for path in requested if (blocker := present.blocker(path, entry.pk))]:
            return refused
        fresh = [path for path in paths.normalise_all(requested) if not present.owns(path, entry.pk)]
        try:
            with transaction.atomic():
                FileLock.objects.bulk_create(FileLock(workspace_id=entry.workspace_id, path=path, entry=entry) for path in fresh)
        except IntegrityError:
            return [(path, "another entry") for path in fresh]
    return []


def release(workspace_id: str, entry_ids: Sequence[str]) -> int:
    """Release all locks of these entries and return the entries parked behind them to the line. Two statements, whatever the number."""
    freed, _ = FileLock.objects.filter(workspace_id=workspace_id, entry_id__in=entry_ids).delete()
    Entry.objects.filter(parked_behind_id__in=entry_ids).update(parked_behind=None)
    return freed
