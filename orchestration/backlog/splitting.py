"""An entry is split into children, in one transaction, and put together again while none of them has started."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import F

from budget.limits import dividing
from budget.models import Account
from orchestration import funding
from orchestration.backlog import content, deletion, dependencies, entries, entry_state
from orchestration.backlog.entries import Draft
from orchestration.backlog.files import locks
from orchestration.backlog.rules.transitions import Next
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Entry
from orchestration.models.entries import MAX_DEPTH
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid

MAX_CHILDREN = 50


def split(entry: Entry, drafts: Sequence[Draft], *, by: Caller, reason: str = "") -> list[Entry]:
    """Replace an entry's work by that of children: it has no session from now on, and its state is theirs. They wait for what it waits for,
    and what waits for it waits for all of them. What is left of a budget of its own is theirs, to the micro-dollar.

    Raises Invalid while the entry is at work, done, or three deep; where the children's budgets do not add up; and as `entries.add`.
    Raises Conflict for one that is split already."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        _refuse(row, drafts)
        before = {"status": row.status, "code": row.reason_code, "message": row.reason_message}
        locks.release(row.workspace_id, [row.pk])
        Entry.objects.filter(pk=row.pk).update(
            is_container=True, before_split=before, parked_behind=None, unmet_dependencies=F("unmet_dependencies") + len(drafts)
        )
        children = entries.add(row.workspace_id, _funded(row, _inherited(row, drafts), by), by=by, under=row)
        dependencies.refuse_any_cycle(children)
        _lock_budgets(row, children)
        if row.on_hold:
            entry_state.move_all(children, Next("blocked", row.reason_code, row.reason_message))
        entry_state.roll_up([row.pk])
        funding.mark_due(row.workspace_id)
        event = events.EntrySplit(count=len(children), children=[child.pk for child in children[:50]])
        activity.record(row.workspace_id, event, by=by, object_id=row.pk, reason=reason)
    wake_ups.publish_change(row.workspace_id, "entries", "locks", "executor", "budget")
    return children


def undo(entry: Entry, *, by: Caller, reason: str = "") -> Entry:
    """Delete the children of an entry and give it its work, its budget and its state again. Raises Conflict where one of them has started
    or others wait for it."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        if not row.is_container:
            raise Conflict(f"#{row.seq} is not split: there is nothing to undo")
        children = list(Entry.objects.filter(parent=row, deleted_at__isnull=True).order_by("seq"))
        if started := [child for child in children if child.attempts or child.is_container or child.status == Entry.Status.DONE]:
            raise Conflict(f"#{started[0].seq} {started[0].title} has started or ended: delete single children instead")
        try:
            deletion.delete_all(children, by=by, reason=reason or "the split was undone")
        except Invalid as refused:
            raise Conflict(f"The split cannot be undone. {refused.message}") from None
        row.refresh_from_db()
    return row


def _refuse(row: Entry, drafts: Sequence[Draft]) -> None:
    if row.is_container:
        raise Conflict(f"#{row.seq} is split already: split one of its children")
    content.refuse_at_work(row)
    if row.status == Entry.Status.DONE:
        raise Invalid(f"#{row.seq} is done: there is nothing to split", "status")
    if row.depth >= MAX_DEPTH:
        raise Invalid(f"#{row.seq} has {MAX_DEPTH} entries above it: it cannot be split again", "entries")
    if not 2 <= len(drafts) <= MAX_CHILDREN:
        raise Invalid(f"Split it into 2 to {MAX_CHILDREN} entries", "entries")


def _inherited(row: Entry, drafts: Sequence[Draft]) -> list[Draft]:
    """Let the children wait for what the entry waits for, and be in its group if they have none."""
    needs = list(row.dependencies.order_by("id").values_list("depends_on_id", flat=True))
    return [
        replace(draft, depends_on=tuple(dict.fromkeys([*draft.depends_on, *needs])), group=draft.group or row.group)
        for draft in drafts
    ]


def _funded(row: Entry, drafts: Sequence[Draft], by: Caller) -> list[Draft]:
    """The children's drafts with their budgets. A parent's own budget is divided among them. A parent with a share of the plan has none to divide: its
    children get shares like any entry, and budgets that they ask for may not exceed what the plan has free."""
    asked = [draft.budget for draft in drafts]
    if row.account.own_budget or row.account.human_locked:
        parts = dividing.parts(row.account.headroom, asked)
        drafts = [replace(draft, budget=part) for draft, part in zip(drafts, parts, strict=True)]
    elif any(asked):
        dividing.refuse_more(asked, max(funding.plan(row.workspace_id).free, 0), "of the plan")
    dividing.set_aside(row.account, by=by)
    return list(drafts)


def _lock_budgets(row: Entry, children: Sequence[Entry]) -> None:
    """Children of a budget that a person locked are locked."""
    account = row.account
    if account.human_locked:
        locked: dict[str, Any] = {"locked_by": account.locked_by, "locked_at": account.locked_at}
        locked |= {"human_locked": True, "locked_reason": account.locked_reason}
        Account.objects.filter(pk__in=[child.pk for child in children]).update(**locked)
