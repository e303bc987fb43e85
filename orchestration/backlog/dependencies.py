"""People change the dependencies of entries. Each change locks the executor's row first, so that counters never race."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import F

from orchestration.backlog import completion
from orchestration.backlog.entry_state import lock, move
from orchestration.backlog.files import locks
from orchestration.backlog.rules import graph
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.backlog.tree import leaves
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.messaging import wake_ups
from orchestration.models import Dependency, Entry
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
        if row.is_container:
            return _replace_one(row, [*before_ids(row), other.pk], by=by, reason=reason)
        _refuse_cycle(row, other)
        Dependency.objects.create(entry=row, depends_on=other)
        state_before = completion.state_before(row)
        if not other.is_met:
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
        needs = before_ids(row)
        if on.pk not in needs:
            raise Invalid(f"#{row.seq} does not wait for #{on.seq}", "depends_on")
        if row.is_container:
            return _replace_one(row, [id_ for id_ in needs if id_ != on.pk], by=by, reason=reason)
        Dependency.objects.filter(entry=row, depends_on=on).delete()
        other = Entry.objects.get(pk=on.pk)
        if not other.is_met:
            _count(row, -1)
        if row.status == Entry.Status.BLOCKED and row.reason_code == Reason.DEPENDENCY_FAILED and not _failed(row):
            move(row, PENDING)
        _record(row, before, by=by, reason=reason)
    _notify(row)
    return row


def replace_all(wishes: Sequence[tuple[Entry, Collection[str]]], *, by: Caller, reason: str = "") -> list[Entry]:
    """Each of these entries of one workspace waits for exactly these ids from now on. Returns those that changed. Raises Invalid for a cycle,
    an entry at work, a done one, and an unknown id. What changes for an entry that is split changes for its children that are not done.
    The caller's transaction holds the executor's row, and read the entries under it."""
    below = leaves.below([row for row, _ in wishes])
    needs: dict[str, set[str]] = {row.pk: set() for row in [*(row for row, _ in wishes), *below]}
    for waiting, other in Dependency.objects.filter(entry_id__in=needs).values_list("entry_id", "depends_on_id"):
        needs[waiting].add(other)
    wishes = [*wishes, *_for_children(wishes, below, needs)]
    changed = [(row, set(ids)) for row, ids in wishes if set(ids) != needs[row.pk]]
    if not changed:
        return []
    _refuse_unknown(changed[0][0].workspace_id, {id_ for _, ids in changed for id_ in ids})
    state_before = completion.liveliest([completion.state_before(row) for row, _ in changed])
    named = {row.pk: _needs(row) for row, _ in changed}
    for row, ids in changed:
        if row.status in (Entry.Status.IN_PROGRESS, Entry.Status.DONE) and not row.is_container:
            state = "in progress" if row.status == Entry.Status.IN_PROGRESS else "done"
            raise Invalid(f"#{row.seq} is {state}: its dependencies cannot change", "depends_on")
        if row.pk in ids:
            raise Invalid(f"#{row.seq} cannot wait for itself", "depends_on")
        Dependency.objects.filter(entry=row, depends_on_id__in=needs[row.pk] - ids).delete()
        Dependency.objects.bulk_create(Dependency(entry=row, depends_on_id=id_) for id_ in sorted(ids - needs[row.pk]))
    refuse_any_cycle([row for row, _ in changed])
    moved = [row for row, ids in changed if _settle(row, grew=bool(ids - needs[row.pk]))]
    for row, _ in changed:
        _record(row, named[row.pk], by=by, reason=reason)
    if not moved:  # else moving it has recorded an idle backlog
        completion.record_finished(changed[0][0].workspace_id, before=state_before)
    return [row for row, _ in changed]


def state_now(entry: Entry, before: Next) -> Next:
    """The state of an entry that returns to one that it had: what it waits for may have failed since, or have failed then alone."""
    if before.status != Entry.Status.PENDING and before.code != Reason.DEPENDENCY_FAILED:
        return before
    failed = Entry.objects.filter(dependents__entry=entry, status=Entry.Status.FAILED).order_by("seq").first()
    return Next("blocked", Reason.DEPENDENCY_FAILED, f"#{failed.seq} {failed.title} failed"[:500]) if failed else PENDING


def _replace_one(row: Entry, needs: Collection[str], *, by: Caller, reason: str) -> Entry:
    replace_all([(row, needs)], by=by, reason=reason)
    _notify(row)
    return row


def before_ids(row: Entry) -> list[str]:
    """The ids of the entries that it waits for, in the order in which they were added."""
    return list(row.dependencies.order_by("id").values_list("depends_on_id", flat=True))


def _for_children(
    wishes: Sequence[tuple[Entry, Collection[str]]], below: Sequence[Entry], needs: dict[str, set[str]]
) -> list[tuple[Entry, Collection[str]]]:
    """The same change for what is below: parents come first, so that a change reaches all that is below them."""
    more: dict[str, set[str]] = {}
    less: dict[str, set[str]] = {}
    for row, ids in wishes:
        more[row.pk], less[row.pk] = set(ids) - needs[row.pk], needs[row.pk] - set(ids)
    changed: list[tuple[Entry, Collection[str]]] = []
    for child in sorted(below, key=lambda row: row.depth):
        above = str(child.parent_id)
        more[child.pk], less[child.pk] = more.get(above, set()), less.get(above, set())
        if child.status != Entry.Status.DONE:
            changed.append((child, (needs[child.pk] | more[child.pk]) - less[child.pk]))
    return changed


def _refuse_unknown(workspace_id: str, ids: set[str]) -> None:
    alive = Entry.objects.filter(workspace_id=workspace_id, pk__in=ids, deleted_at__isnull=True)
    if missing := sorted(ids - set(alive.values_list("pk", flat=True))):
        raise Invalid(f"Unknown entry: {missing[0][:100]!r}", "depends_on")


def _settle(row: Entry, *, grew: bool) -> bool:
    """The counter, the locks and the state of an entry whose dependencies have just been replaced. True: its state has changed."""
    others = list(Entry.objects.filter(dependents__entry=row))
    row.unmet_dependencies = sum(not other.is_met for other in others)
    if row.is_container:
        children = Entry.objects.filter(parent=row, deleted_at__isnull=True).exclude(status=Entry.Status.DONE)
        row.unmet_dependencies += children.count()
    Entry.objects.filter(pk=row.pk).update(unmet_dependencies=row.unmet_dependencies)
    if row.is_container:  # its children's states are its own
        return False
    if grew and row.unmet_dependencies:
        locks.release(row.workspace_id, [row.pk])  # else one of them could wait for one of its files: a deadlock
    failed = next((other for other in others if other.status == Entry.Status.FAILED), None)
    if failed and row.status == Entry.Status.PENDING:
        move(row, Next("blocked", Reason.DEPENDENCY_FAILED, f"#{failed.seq} {failed.title} failed"[:500]))
        return True
    if not failed and row.status == Entry.Status.BLOCKED and row.reason_code == Reason.DEPENDENCY_FAILED:
        move(row, PENDING)
        return True
    return False


def _changeable(entry: Entry) -> Entry:
    row = lock(entry)
    if row.status == Entry.Status.IN_PROGRESS and not row.is_container:
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
    """Raise Invalid if a new edge would close a circle."""
    if entry.pk == on.pk:
        raise Invalid(f"#{entry.seq} cannot wait for itself", "depends_on")
    edges = _edges(entry.workspace_id)
    edges[entry.pk].append(on.pk)
    _refuse_loop(edges, [entry])


def refuse_any_cycle(changed: Sequence[Entry]) -> None:
    _refuse_loop(_edges(changed[0].workspace_id), changed)


def _edges(workspace_id: str) -> dict[str, list[str]]:
    """The whole graph: what waits for what, and what is split for its children."""
    edges: dict[str, list[str]] = defaultdict(list)
    for waiting, other in Dependency.objects.filter(entry__workspace_id=workspace_id).values_list("entry_id", "depends_on_id"):
        edges[waiting].append(other)
    children = Entry.objects.filter(workspace_id=workspace_id, parent__isnull=False, deleted_at__isnull=True)
    for parent, child in children.values_list("parent_id", "id"):
        edges[str(parent)].append(child)
    return edges


def _refuse_loop(edges: dict[str, list[str]], changed: Sequence[Entry]) -> None:
    if loop := graph.cycle(edges):
        seqs = dict(Entry.objects.filter(pk__in=set(loop)).values_list("pk", "seq"))
        first = next((row.pk for row in changed if row.pk in loop), loop[0])
        at = loop.index(first)  # every new cycle contains an entry that changed: the message starts with it
        path = [*loop[at:-1], *loop[:at], first]
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
