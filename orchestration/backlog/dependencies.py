"""People change the dependencies of entries. Each change locks the executor's row first, so that counters never race."""

from collections import defaultdict

from django.db import transaction
from django.db.models import F

from orchestration import events
from orchestration.backlog import completion, graph, locks
from orchestration.backlog.entry_state import lock, move
from orchestration.backlog.transitions import PENDING, Next
from orchestration.messaging import wake_ups
from orchestration.models import Dependency, Entry
from orchestration.reasons import Reason
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid, NotFound


def depend(entry: Entry, on: Entry, *, by: Caller, reason: str = "") -> Entry:
    """`entry` waits until `on` is done. Raises Invalid for a cycle (which it names), for a repeated dependency and for a done entry."""
    with transaction.atomic():
        row = _changeable(entry)
        other = Entry.objects.filter(pk=on.pk, workspace_id=row.workspace_id, deleted_at__isnull=True).first()
        if other is None:
            raise NotFound("Entry not found")
        if row.status == Entry.Status.DONE:
            raise Invalid(f"#{row.seq} is done: it no longer waits for other entries", "depends_on")
        before = _needs(row)
        if other.seq in before:
            raise Invalid(f"#{row.seq} waits for #{other.seq} already", "depends_on")
        _refuse_cycle(row, other)
        Dependency.objects.create(entry=row, depends_on=other)
        state_before = completion.state_before(row.status, row.unmet_dependencies)
        if other.status != Entry.Status.DONE:
            _count(row, +1)
            locks.release(row.workspace_id, [row.pk])  # else `on` could wait for one of its files: a deadlock
        if other.status == Entry.Status.FAILED and row.status == Entry.Status.PENDING:
            move(row, Next("blocked", Reason.DEPENDENCY_FAILED, f"#{other.seq} {other.title} failed"[:500]))
        else:
            completion.record_finished(row.workspace_id, before=state_before)
        _record(row, before, by=by, reason=reason)
    _notify(row)
    return row


def undepend(entry: Entry, on: Entry, *, by: Caller, reason: str = "") -> Entry:
    """`entry` no longer waits for `on`. Raises Invalid when it did not wait, or is in progress."""
    with transaction.atomic():
        row = _changeable(entry)
        before = _needs(row)
        deleted, _ = Dependency.objects.filter(entry=row, depends_on=on).delete()
        if not deleted:
            raise Invalid(f"#{row.seq} does not wait for #{on.seq}", "depends_on")
        other = Entry.objects.get(pk=on.pk)
        if other.status != Entry.Status.DONE:
            _count(row, -1)
        if row.status == Entry.Status.BLOCKED and row.reason_code == Reason.DEPENDENCY_FAILED and not _failed(row):
            move(row, PENDING)
        _record(row, before, by=by, reason=reason)
    _notify(row)
    return row


def _changeable(entry: Entry) -> Entry:
    row = lock(entry)
    if row.status == Entry.Status.IN_PROGRESS:
        raise Invalid("The entry is in progress: stop its session first", "status")
    return row


def _needs(entry: Entry) -> list[int]:
    return list(entry.dependencies.order_by("depends_on__seq").values_list("depends_on__seq", flat=True))


def _failed(entry: Entry) -> bool:
    return Entry.objects.filter(dependents__entry=entry, status=Entry.Status.FAILED).exists()


def _count(entry: Entry, by: int) -> None:
    Entry.objects.filter(pk=entry.pk).update(unmet_dependencies=F("unmet_dependencies") + by)
    entry.unmet_dependencies += by


def _refuse_cycle(entry: Entry, on: Entry) -> None:
    """Reads the whole graph in one statement, and only when a person adds an edge."""
    if entry.pk == on.pk:
        raise Invalid(f"#{entry.seq} cannot wait for itself", "depends_on")
    edges: dict[str, list[str]] = defaultdict(list)
    for waiting, other in Dependency.objects.filter(entry__workspace_id=entry.workspace_id).values_list(
        "entry_id", "depends_on_id"
    ):
        edges[waiting].append(other)
    edges[entry.pk].append(on.pk)
    if loop := graph.cycle(edges):
        seqs = dict(Entry.objects.filter(pk__in=set(loop)).values_list("pk", "seq"))
        at = loop.index(entry.pk)  # every new cycle contains the entry: the message starts with it
        path = [*loop[at:-1], *loop[:at], entry.pk]
        named = " → ".join(f"#{seqs[id_]}" for id_ in path)
        raise Invalid(f"That would be a cycle, in which each waits for the next: {named}", "depends_on")


def _record(entry: Entry, before: list[int], *, by: Caller, reason: str) -> None:
    event = events.EntryDependenciesSet(before=_named(before), after=_named(_needs(entry)))
    activity.record(entry.workspace_id, event, by=by, object_id=entry.pk, reason=reason)


def _named(seqs: list[int]) -> str:
    return ", ".join(f"#{seq}" for seq in seqs) or "nothing"


def _notify(entry: Entry) -> None:
    wake_ups.enqueue_cycle(entry.workspace_id)
    wake_ups.publish_change(entry.workspace_id, "entries", "locks", "executor")
