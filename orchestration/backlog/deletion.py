"""Entries are taken off the backlog: one, or many at once, then all or none. Their sessions and ledger rows stay, so that one can come back."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models.functions import Now

from budget.limits import dividing
from budget.models import Account
from orchestration import configuration, funding
from orchestration.backlog import completion, dependencies, entry_state
from orchestration.backlog.entry_actions import SomeRefuse, in_progress, withdraw_landings
from orchestration.backlog.files import locks
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.backlog.tree import leaves
from orchestration.configuration import Config, entry_routes
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.messaging import wake_ups
from orchestration.models import Dependency, Entry, Executor
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict
from workspaces.models import Event

MAX_NAMED = 5


def delete_all(entries: Sequence[Entry], *, by: Caller, reason: str = "") -> dict[str, int]:
    """Remove entries of one workspace, each with its children. Returns by how much that changed which budgets, in micro-USD. Raises SomeRefuse
    for entries that run, and for those that others depend on which stay."""
    with transaction.atomic():
        rows = entry_state.lock_all(entries)
        rows += leaves.below(rows)
        ids = [row.pk for row in rows]
        needed = _needed_by(ids)
        landing = withdraw_landings([row for row in rows if row.pk not in needed])
        at_work = [row for row in rows if row.status == Entry.Status.IN_PROGRESS and not row.is_container]
        refused = [(row, in_progress(row)) for row in at_work if row.pk not in landing]
        refused += [(row, f"Other entries depend on it: {needed[row.pk]}") for row in rows if row.pk in needed]
        if refused:
            raise SomeRefuse(sorted(refused, key=lambda pair: pair[0].seq))
        workspace_id = rows[0].workspace_id
        before = completion.liveliest([completion.state_before(row) for row in rows])
        locks.release(workspace_id, ids)
        entry_state.end_reviews(rows)
        Dependency.objects.filter(entry_id__in=ids).delete()
        Entry.objects.filter(pk__in=ids).update(deleted_at=Now(), unmet_dependencies=0)
        budgets = _leave_parents(rows, by=by)
        funding.mark_due(workspace_id)
        completion.record_finished(workspace_id, before=before)
        Event.objects.bulk_create(
            activity.row(workspace_id, events.EntryDeleted(title=row.title), by=by, object_id=row.pk, reason=reason)
            for row in rows
        )
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "budget")
    return budgets


def restore(entry: Entry, depends_on: Collection[str], *, by: Caller, reason: str = "") -> Entry:
    """Put a deleted entry back on the backlog, in the state that it had, waiting for these ids, and below the entry that it was a child of. The
    caller reverses what its deletion changed in budgets. Raises Conflict for one that is there, where the config lacks its agent, and where the
    entry above it is deleted or at work; Invalid for a cycle and for a dependency that is not."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=entry.workspace_id)
        if not Entry.objects.filter(pk=entry.pk, deleted_at__isnull=False).update(deleted_at=None, unmet_dependencies=0):
            raise Conflict(f"#{entry.seq} is on the backlog already")
        row = entry_state.lock(entry)
        if row.status != Entry.Status.DONE:
            _point_anew(row, configuration.load(executor.config))
        if row.parent_id:
            _return_to_parent(row, by=by)
        dependencies.replace_all([(row, depends_on)], by=by, reason=reason)
        following = dependencies.state_now(row, Next(row.status, row.reason_code)) if _is_blocked_by_failure(row) else None
        if following == PENDING:
            entry_state.move(row, following)
        if row.status == Entry.Status.PENDING:
            funding.give_again(row.workspace_id, [row.pk])
        funding.mark_due(row.workspace_id)
        activity.record(row.workspace_id, events.EntryRestored(title=row.title), by=by, object_id=row.pk, reason=reason)
    wake_ups.enqueue_cycle(row.workspace_id)
    wake_ups.publish_change(row.workspace_id, "entries", "budget")
    return row


def _point_anew(row: Entry, config: Config) -> None:
    """A config that changed has not been followed by a deleted entry."""
    if why := entry_routes.missing_agent(row, config):
        raise Conflict(f"#{row.seq} {row.title}: {why}")
    entry_routes.set_next_agent(row, config)
    row.save(update_fields=entry_routes.NEXT)


def _is_blocked_by_failure(row: Entry) -> bool:
    return not row.is_container and row.reason_code == Reason.DEPENDENCY_FAILED


def _return_to_parent(row: Entry, *, by: Caller) -> None:
    """A parent whose last child was deleted is split again."""
    parent = Entry.objects.select_related("account").get(pk=row.parent_id)
    if parent.deleted_at is not None:
        raise Conflict(f"#{parent.seq} {parent.title}, which #{row.seq} was a child of, is deleted: add the entry again")
    if not parent.is_container:
        if parent.status in (Entry.Status.IN_PROGRESS, Entry.Status.DONE):
            raise Conflict(f"#{parent.seq} {parent.title} does its own work again: split it by hand")
        before = {"status": parent.status, "code": parent.reason_code, "message": parent.reason_message}
        Entry.objects.filter(pk=parent.pk).update(is_container=True, before_split=before, parked_behind=None)
        if not parent.account.own_budget and not parent.account.human_locked:
            dividing.set_aside(parent.account, by=by)
    if row.status != Entry.Status.DONE:
        entry_state.count_children([parent.pk], +1)
    entry_state.roll_up([parent.pk])


def _leave_parents(rows: Sequence[Entry], *, by: Caller) -> dict[str, int]:
    """Give what deleted children and all below them have left to their siblings; a parent whose last child is deleted is an entry again, as
    it was before. Returns by how much each budget changed."""
    changed = Counter[str]()
    above = {row.pk: row.parent_id for row in rows}
    orphaned: dict[str, list[Entry]] = defaultdict(list)
    below: dict[str, list[Account]] = defaultdict(list)
    for row in rows:
        if row.parent_id and row.parent_id not in above:
            orphaned[row.parent_id].append(row)
        stays = row.parent_id
        while stays in above:
            stays = above[stays]
        if stays:
            below[stays].append(row.account)
    for parent in Entry.objects.select_related("account").filter(pk__in=orphaned).order_by("pk"):
        deleted = orphaned[parent.pk]
        entry_state.count_children([parent.pk for row in deleted if row.status != Entry.Status.DONE], -1)
        stay = list(Entry.objects.select_related("account").filter(parent=parent, deleted_at__isnull=True))
        if parent.account.own_budget or parent.account.human_locked:
            takers = [row.account for row in stay if row.status not in entry_state.ENDED and not row.is_container]
            changed.update(dividing.return_from(below[parent.pk], takers, parent.account, by=by))
        else:
            changed.update(dividing.take_rest(below[parent.pk], by=by))
        if not stay:
            _rejoin(parent, by=by)
    entry_state.roll_up(orphaned)
    return dict(changed)


def _rejoin(parent: Entry, *, by: Caller) -> None:
    before = Next(**(parent.before_split or {"status": Entry.Status.PENDING}))
    entry_state.move(parent, dependencies.state_now(parent, before))  # first: only an entry that is split is done by its children
    Entry.objects.filter(pk=parent.pk).update(is_container=False, before_split=None)
    entry_state.roll_up([parent.parent_id])  # an entry with work of its own counts differently for the one above
    parent.refresh_from_db()
    event = events.EntryRejoined()
    activity.record(parent.workspace_id, event, by=by, object_id=parent.pk, reason="its last child was deleted")


def _needed_by(ids: Sequence[str]) -> dict[str, str]:
    """The entries in `ids` that entries outside of `ids` wait for, each with the ids of the first few that wait, as text."""
    waits: dict[str, list[str]] = defaultdict(list)
    links = Dependency.objects.filter(depends_on_id__in=ids, entry__deleted_at__isnull=True).exclude(entry_id__in=ids)
    for needed, waiting in links.order_by("entry__seq").values_list("depends_on_id", "entry_id"):
        waits[needed].append(waiting)
    return {needed: ", ".join(waiting[:MAX_NAMED]) for needed, waiting in waits.items()}
