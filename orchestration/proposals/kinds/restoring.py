"""What undoing has in common: an entry is restored only while it is as the proposal left it."""

from typing import Any

from orchestration.backlog import entry_state
from orchestration.backlog.transitions import Next
from orchestration.models import Entry, Proposal
from orchestration.proposals import pictures
from orchestration.reasons import Reason
from workspaces.errors import Conflict

REASON = "the proposals of a run were undone"


def before(proposal: Proposal) -> dict[str, Any]:
    """The entry as the run read it."""
    return dict(proposal.before or {})


def as_left(proposal: Proposal, expected: pictures.Stored, *, on_hold: bool = False) -> Entry:
    """The proposal's entry. Raises Conflict where it has started or was changed since, or differs from `expected`."""
    assert proposal.subject_id is not None
    now = pictures.read(proposal.run.session.workspace_id, [proposal.subject_id]).get(proposal.subject_id)
    if now is None:
        raise Conflict(f"Entry #{expected['seq']} was deleted since: change the others by hand")
    is_as_left = on_hold and now.on_hold
    if sentence := ("" if is_as_left else pictures.untouchable(now)) or pictures.changed(expected, now):
        raise Conflict(f"{sentence}. Change single entries instead")
    return Entry.objects.get(pk=proposal.subject_id)


def state(row: Entry, stored: pictures.Stored) -> None:
    """Put an entry back into the state that ended or blocked it. `row`: freshly read, under the executor's lock."""
    is_back = (row.status, row.reason_code) == (stored["status"], stored["reason"])
    if not is_back and stored["status"] in (Entry.Status.FAILED, Entry.Status.BLOCKED):
        entry_state.move(row, Next(stored["status"], Reason(stored["reason"]), stored["message"]))
