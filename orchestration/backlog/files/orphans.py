"""Locks that no entry needs: the entry is idle, deleted or never started, and has no open session. `filter_orphans` is the one definition.

The tick releases the locks of idle entries; a person may release the others.
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from orchestration.backlog.files import locks
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, FileLock, Session
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid

IDLE = (Entry.Status.DONE, Entry.Status.FAILED, Entry.Status.BLOCKED)


def reason_kept(entry: Entry, *, is_open: bool) -> str:
    """The rule of `filter_orphans` for an entry in memory: why its locks must stay, as a sentence; empty when they are orphans."""
    if is_open:
        return "It has an open session: stop its session first"
    if entry.deleted_at is None and entry.status not in IDLE and (entry.has_rounds or entry.attempts):
        return "It keeps them between its rounds: put the entry on hold first"
    return ""


def filter_orphans(locks: QuerySet[FileLock]) -> QuerySet[FileLock]:
    """The orphaned ones of these locks."""
    session = Session.objects.filter(entry=OuterRef("entry"), status__in=Session.OPEN)
    started = Q(entry__has_rounds=True) | Q(entry__attempts__gt=0)  # an entry stopped in its first round continues with its locks
    needed = started & Q(entry__deleted_at__isnull=True) & ~Q(entry__status__in=IDLE)
    return locks.filter(~Exists(session)).exclude(needed)


def with_open_session(entry_ids: Sequence[str]) -> set[str]:
    """The ids of entries with an open session."""
    sessions = Session.objects.filter(entry_id__in=entry_ids, status__in=Session.OPEN)
    return set(sessions.values_list("entry_id", flat=True))


def release(entry_id: str, *, by: Caller, reason: str) -> int:
    """Release an entry's orphaned locks and unpark the entries behind it. Returns how many. Raises Invalid when the entry needs them."""
    with transaction.atomic():
        workspace_id = Entry.objects.values_list("workspace_id", flat=True).get(pk=entry_id)
        Executor.objects.select_for_update().get(pk=workspace_id)
        entry = Entry.objects.get(pk=entry_id)
        if why := reason_kept(entry, is_open=bool(with_open_session([entry_id]))):
            raise Invalid(why, "entryID")
        freed = list(FileLock.objects.filter(entry=entry).order_by("path").values_list("path", flat=True))
        if freed:
            locks.release(workspace_id, [entry_id])
            event = events.LocksReleased(count=len(freed), paths=freed[:50])
            activity.record(workspace_id, event, by=by, object_id=entry_id, reason=reason)
    if freed:
        wake_ups.enqueue_cycle(workspace_id)
        wake_ups.publish_change(workspace_id, "locks", "entries")
    return len(freed)
