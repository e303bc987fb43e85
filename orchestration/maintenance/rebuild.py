"""Compares what entries wait for with their dependencies and locks. The verbs keep both equal, so drift means a manual change."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q

from orchestration.backlog.files import paths
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, FileLock
from workspaces import activity
from workspaces.access import Caller


@dataclass(frozen=True, slots=True)
class Drift:
    """A stored value of an entry that differs from the value its rows give."""

    kind: str
    id: str
    field: str
    stored: int | str | None
    expected: int | str | None


def find(workspace_id: str) -> list[Drift]:
    """Every entry with a wrong value. Four queries, under the executor's row."""
    with transaction.atomic():
        _lock(workspace_id)
        return [*_unmet(workspace_id), *_parked(workspace_id)]


def correct(workspace_id: str, *, by: Caller, reason: str) -> list[Drift]:
    """Correct all wrong values in one transaction and record them. Returns the drifts."""
    with transaction.atomic():
        wrong = find(workspace_id)
        for drift in wrong:
            Entry.objects.filter(pk=drift.id).update(**{drift.field: drift.expected})
        if wrong:
            shown = [[d.kind, d.id, d.field, d.stored, d.expected] for d in wrong[:50]]
            event = events.EntriesRebuilt(count=len(wrong), changed=shown)
            activity.record(workspace_id, event, by=by, object_id=workspace_id, reason=reason)
    if wrong:
        wake_ups.enqueue_cycle(workspace_id)
        wake_ups.publish_change(workspace_id, "entries", "locks")
    return wrong


def _lock(workspace_id: str) -> None:
    Executor.objects.select_for_update().get(pk=workspace_id)


def _unmet(workspace_id: str) -> list[Drift]:
    unmet = Count(
        "dependencies", filter=Q(dependencies__depends_on__open_head="") & ~Q(dependencies__depends_on__status=Entry.Status.DONE)
    )
    rows = Entry.objects.filter(workspace_id=workspace_id).annotate(true=unmet).order_by("seq")
    children = Entry.objects.filter(workspace_id=workspace_id, parent__is_container=True, deleted_at__isnull=True)
    unfinished = Counter(children.exclude(status=Entry.Status.DONE).values_list("parent_id", flat=True))
    return [
        Drift("entry", pk, "unmet_dependencies", kept, true + unfinished[pk])
        for pk, kept, true in rows.values_list("pk", "unmet_dependencies", "true")
        if kept != true + unfinished[pk]
    ]


def _parked(workspace_id: str) -> list[Drift]:
    """Entries parked for no reason: not pending, or behind an entry without an overlapping lock. A missing park is left to the next cycle."""
    parked = list(Entry.objects.filter(workspace_id=workspace_id, parked_behind__isnull=False).order_by("seq"))
    locked = defaultdict(list)
    owners = {entry.parked_behind_id for entry in parked}
    for owner, path in FileLock.objects.filter(workspace_id=workspace_id, entry_id__in=owners).values_list("entry_id", "path"):
        locked[owner].append(path)
    return [
        Drift("entry", entry.pk, "parked_behind", entry.parked_behind_id, None)
        for entry in parked
        if entry.status != Entry.Status.PENDING or not _overlap(locked[entry.parked_behind_id or ""], entry.paths_to_lock)
    ]


def _overlap(locked: list[str], requested: list[str]) -> bool:
    return any(paths.covers(lock, path) or paths.covers(path, lock) for lock in locked for path in requested)
