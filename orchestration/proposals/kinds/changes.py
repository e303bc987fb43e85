"""New values of an entry: its text, its spec, its priority, what it waits for, how many rounds it may make."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.backlog import content, entry_edits, entry_state, fields
from orchestration.models import Entry, Proposal
from orchestration.proposals.context import snapshots
from orchestration.proposals.kinds import restoring
from orchestration.proposals.kinds.interface import Backlog
from workspaces.access import Caller


def outdated(proposal: Proposal, backlog: Backlog) -> str:
    return snapshots.outdated(proposal.before or {}, backlog.snapshots.get(str(proposal.subject_id)))


def apply(proposals: Sequence[Proposal], backlog: Backlog, *, by: Caller) -> None:
    for proposal in proposals:
        proposal.entry = Entry.objects.get(pk=proposal.subject_id)
        write(proposal.entry, proposal.after, by=by, reason=proposal.reason)


def undo(proposals: Sequence[Proposal], *, by: Caller) -> None:
    for proposal in proposals:
        before = restoring.before(proposal)
        entry = restoring.as_left(
            proposal, before | proposal.after | {"failed": before["failed"] and "rounds" not in proposal.after}
        )
        write(entry, {key: before[key] for key in proposal.after}, by=by, reason=restoring.REASON)
        restoring.state(entry_state.lock(entry), before)


def write(entry: Entry, values: Mapping[str, Any], *, by: Caller, reason: str) -> None:
    """Raises Refused where the backlog refuses a value."""
    change = fields.change(values)
    if change != fields.Change():
        content.edit(entry, change, by=by, reason=reason)
    if "rounds" in values:
        entry_edits.set_rounds(entry, values["rounds"], by=by, reason=reason)
