"""A person's edits of an entry: rounds, parallelism, assignee, spec."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from orchestration.backlog import content, entry_state
from orchestration.backlog.entries import spec_paths
from orchestration.backlog.rules.transitions import PENDING, out_of_rounds
from orchestration.backlog.tree import leaves
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.messaging import wake_ups
from orchestration.models import Entry
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid


def set_rounds(entry: Entry, budget_rounds: int, *, by: Caller, reason: str = "") -> Entry:
    """Change how many rounds an entry may make, or each of its unfinished children. An entry that failed because its rounds ran out becomes pending again."""
    with transaction.atomic():
        row, *children = leaves.with_children([entry_state.lock(entry)])
        for changed in [*children, row]:
            before, changed.budget_rounds = changed.budget_rounds, budget_rounds
            changed.save(update_fields=["budget_rounds", "updated_at"])
            if changed.reason_code == Reason.ROUNDS_EXHAUSTED and budget_rounds > changed.rounds_completed:
                entry_state.move(changed, PENDING)
            event = events.EntryRoundsSet(before=before, after=budget_rounds)
            activity.record(row.workspace_id, event, by=by, object_id=changed.pk, reason=reason)
        entry_state.block_short([*children, row])
    wake_ups.enqueue_cycle(row.workspace_id)
    wake_ups.publish_change(row.workspace_id, "entries")
    return row


def give_rounds(entries: Sequence[Entry], rounds: int, *, by: Caller) -> list[Entry]:
    """So many rounds more for each of these entries of one workspace that is out of rounds. Returns those."""
    with transaction.atomic():
        rows = [row for row in entry_state.lock_all(entries) if row.reason_code == Reason.ROUNDS_EXHAUSTED]
        return [set_rounds(row, row.budget_rounds + rounds, by=by) for row in rows]


def take_rounds_back(given: Mapping[str, int], rounds: int, *, workspace_id: str, by: Caller) -> list[Entry]:
    """Undo `give_rounds` for those that have not begun since, and that nobody has changed: they are out of rounds again. Returns those.
    `given`: by entry, the rounds that it may make since then."""
    entries = list(Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True, pk__in=given))
    with transaction.atomic():
        locked = entry_state.lock_all(entries) if entries else []
        rows = [row for row in locked if _waits_for_its_last(row, given[row.pk], rounds)]
        for row in rows:
            before, row.budget_rounds = row.budget_rounds, row.budget_rounds - rounds
            row.save(update_fields=["budget_rounds", "updated_at"])
            entry_state.move(row, out_of_rounds(row.budget_rounds))
            event = events.EntryRoundsSet(before=before, after=row.budget_rounds)
            activity.record(row.workspace_id, event, by=by, object_id=row.pk)
    if rows:
        wake_ups.publish_change(workspace_id, "entries")
    return rows


def _waits_for_its_last(row: Entry, given: int, rounds: int) -> bool:
    """Claimed entries are in progress: who is pending for no reason has no session, and its work waits for nobody's decision."""
    has_not_begun = row.status == Entry.Status.PENDING and not row.reason_code
    return has_not_begun and row.budget_rounds == given and row.rounds_completed == given - rounds > 0


def set_parallel(
    entry: Entry, *, parallelizable: bool | None = None, parallel_group: str | None = None, by: Caller, reason: str = ""
) -> Entry:
    """Change which entries may run in parallel with it (None: unchanged). Open sessions continue; the next start applies it."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        before = {"parallelizable": row.parallelizable, "parallel_group": row.parallel_group}
        row.parallelizable = row.parallelizable if parallelizable is None else parallelizable
        row.parallel_group = row.parallel_group if parallel_group is None else parallel_group
        row.save(update_fields=["parallelizable", "parallel_group", "updated_at"])
        after = {"parallelizable": row.parallelizable, "parallel_group": row.parallel_group}
        event = events.EntryParallelSet(before=before, after=after)
        activity.record(row.workspace_id, event, by=by, object_id=row.pk, reason=reason)
    wake_ups.enqueue_cycle(row.workspace_id)
    wake_ups.publish_change(row.workspace_id, "entries")
    return row


def assign(entry: Entry, assigned_to: str, *, by: Caller, reason: str = "") -> Entry:
    """Name the person responsible. Dispatch ignores it."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        before, row.assigned_to = row.assigned_to, assigned_to
        row.save(update_fields=["assigned_to", "updated_at"])
        event = events.EntryAssigned(before=before, after=assigned_to)
        activity.record(row.workspace_id, event, by=by, object_id=row.pk, reason=reason)
    wake_ups.publish_change(row.workspace_id, "entries")
    return row


def set_spec(entry: Entry, spec: dict[str, Any], *, by: Caller) -> Entry:
    """Replace the spec, and with it the paths to lock. Raises Invalid when the spec is frozen or the entry holds locks."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        if row.spec_frozen:
            raise Invalid("The spec is frozen", "spec")
        if row.status == Entry.Status.IN_PROGRESS or row.locks.exists():
            raise Invalid("The entry holds its file locks: its spec cannot change now", "spec")
        row.spec, row.paths, row.parked_behind = spec, spec_paths(spec), None
        row.save(update_fields=["spec", "paths", "parked_behind", "updated_at"])
        content.implement_anew(row)
        activity.record(row.workspace_id, events.EntrySpecSet(), by=by, object_id=row.pk)
    wake_ups.enqueue_cycle(row.workspace_id)
    return row


def freeze_spec(entry: Entry, *, by: Caller) -> Entry:
    """Make the spec read-only for good."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        if not row.spec_frozen:
            row.spec_frozen = True
            row.save(update_fields=["spec_frozen", "updated_at"])
            activity.record(row.workspace_id, events.EntrySpecFrozen(), by=by, object_id=row.pk)
        return row
