"""The common parts of undoing: an entry is restored only while it is as the proposal left it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from budget.limits import dividing
from orchestration.backlog import deletion, entry_state
from orchestration.backlog.rules.transitions import Next
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Proposal
from orchestration.proposals.context import snapshots
from workspaces.access import Caller
from workspaces.errors import Conflict

REASON = "the proposals of a run were undone"


def before(proposal: Proposal) -> dict[str, Any]:
    """The entry as the run read it."""
    return dict(proposal.before or {})


def deleted(stored: Mapping[str, Any], title: str) -> Mapping[str, Any]:
    """The notes that `delete` returned. Raises Conflict where an earlier version of Muster applied the proposal, which kept less."""
    notes: Mapping[str, Any] | None = stored.get("deleted")
    if notes is None:
        raise Conflict(
            f"{title!r} was applied by an earlier version, which did not keep what an undo needs: change single entries instead"
        )
    return notes


def as_left(proposal: Proposal, expected: snapshots.Stored, *, on_hold: bool = False) -> Entry:
    """The proposal's entry. Raises Conflict where it has started or was changed since, or differs from `expected`."""
    assert proposal.subject_id is not None
    now = snapshots.read(proposal.run.session.workspace_id, [proposal.subject_id]).get(proposal.subject_id)
    if now is None:
        raise Conflict(f"Entry #{expected['seq']} was deleted since: change the others by hand")
    is_as_left = on_hold and now.on_hold
    if sentence := ("" if is_as_left else snapshots.untouchable(now)) or snapshots.changed(expected, now):
        raise Conflict(f"{sentence}. Change single entries instead")
    return Entry.objects.get(pk=proposal.subject_id)


def state(row: Entry, stored: snapshots.Stored) -> None:
    """Put an entry back into the state that ended or blocked it. `row`: freshly read, under the executor's lock."""
    is_back = (row.status, row.reason_code) == (stored["status"], stored["reason"])
    if not is_back and stored["status"] in (Entry.Status.FAILED, Entry.Status.BLOCKED):
        entry_state.move(row, Next(stored["status"], Reason(stored["reason"]), stored["message"]))


def delete(entry: Entry, *, by: Caller, reason: str) -> dict[str, Any]:
    """Take an entry off the backlog. Returns what `restore` needs, as JSON."""
    attempts = entry.parent.attempts if entry.parent else 0
    return {"budgets": deletion.delete_all([entry], by=by, reason=reason), "attempts_above": attempts}


def restore(pk: str, depends_on: Collection[str], deleted: Mapping[str, Any], *, by: Caller) -> None:
    """Put an entry back. Raises Conflict where the entry above it has done work of its own since."""
    entry = Entry.objects.select_related("parent").get(pk=pk)
    if entry.parent and entry.parent.attempts != deleted["attempts_above"]:
        raise Conflict(f"#{entry.parent.seq} {entry.parent.title}, which #{entry.seq} was a child of, has started since")
    deletion.restore(entry, depends_on, by=by, reason=REASON)


def reverse_budgets(deleted: Iterable[Mapping[str, Any]], *, by: Caller) -> None:
    """All at once: one deletion may have given to an entry that the next one took off."""
    changes = Counter[str]()
    for each in deleted:
        changes.update(each["budgets"])
    dividing.reverse(changes, by=by, reason=REASON)
