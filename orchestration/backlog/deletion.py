"""Entries are taken off the backlog: one, or many at once, then all or none. Their sessions and ledger rows stay, so that one can come back."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models.functions import Now

from orchestration import events, funding
from orchestration.backlog import completion, dependencies, entry_state, locks
from orchestration.backlog.entry_actions import IN_PROGRESS_MESSAGE, SomeRefuse, withdraw_landings
from orchestration.messaging import wake_ups
from orchestration.models import Dependency, Entry, Executor
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict
from workspaces.models import Event

MAX_NAMED = 5


def delete_all(entries: Sequence[Entry], *, by: Caller, reason: str = "") -> None:
    """Remove entries of one workspace. Raises SomeRefuse for entries that run, and for those that others depend on which stay."""
    with transaction.atomic():
        rows = entry_state.lock_all(entries)
        ids = [row.pk for row in rows]
        needed = _needed_by(ids)
        landing = withdraw_landings([row for row in rows if row.pk not in needed])
        running = [row for row in rows if row.status == Entry.Status.IN_PROGRESS and row.pk not in landing]
        refused = [(row, IN_PROGRESS_MESSAGE) for row in running]
        refused += [(row, f"Other entries depend on it: {needed[row.pk]}") for row in rows if row.pk in needed]
        if refused:
            raise SomeRefuse(sorted(refused, key=lambda pair: pair[0].seq))
        workspace_id = rows[0].workspace_id
        before = completion.liveliest([completion.state_before(row.status, row.unmet_dependencies) for row in rows])
        locks.release(workspace_id, ids)
        Dependency.objects.filter(entry_id__in=ids).delete()
        Entry.objects.filter(pk__in=ids).update(deleted_at=Now())
        funding.mark_due(workspace_id)
        completion.record_finished(workspace_id, before=before)
        Event.objects.bulk_create(
            activity.row(workspace_id, events.EntryDeleted(title=row.title), by=by, object_id=row.pk, reason=reason)
            for row in rows
        )
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "budget")


def restore(entry: Entry, depends_on: Collection[str], *, by: Caller, reason: str = "") -> Entry:
    """Put a deleted entry back on the backlog, in the state that it had, waiting for these ids. Raises Conflict for one that is there, Invalid
    for a cycle and for a dependency that is not."""
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=entry.workspace_id)
        if not Entry.objects.filter(pk=entry.pk, deleted_at__isnull=False).update(deleted_at=None, unmet_dependencies=0):
            raise Conflict(f"#{entry.seq} is on the backlog already")
        row = entry_state.lock(entry)
        dependencies.replace_all([(row, depends_on)], by=by, reason=reason)
        if row.status == Entry.Status.PENDING:
            funding.give_again(row.workspace_id, [row.pk])
        funding.mark_due(row.workspace_id)
        activity.record(row.workspace_id, events.EntryRestored(title=row.title), by=by, object_id=row.pk, reason=reason)
    wake_ups.enqueue_cycle(row.workspace_id)
    wake_ups.publish_change(row.workspace_id, "entries", "budget")
    return row


def _needed_by(ids: Sequence[str]) -> dict[str, str]:
    """Those of these entries that others depend on which are not among them, each with the first few of these others."""
    waits: dict[str, list[str]] = defaultdict(list)
    links = Dependency.objects.filter(depends_on_id__in=ids, entry__deleted_at__isnull=True).exclude(entry_id__in=ids)
    for needed, waiting in links.order_by("entry__seq").values_list("depends_on_id", "entry_id"):
        waits[needed].append(waiting)
    return {needed: ", ".join(waiting[:MAX_NAMED]) for needed, waiting in waits.items()}
