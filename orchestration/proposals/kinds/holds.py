"""Entries that a person should look at before they go on."""

from collections.abc import Sequence

from orchestration.backlog import entry_actions, entry_state
from orchestration.models import Entry, Proposal
from orchestration.proposals.context import snapshots
from orchestration.proposals.kinds import restoring
from orchestration.proposals.kinds.interface import Backlog
from workspaces.access import Caller
from workspaces.errors import Conflict


def outdated(proposal: Proposal, backlog: Backlog) -> str:
    return snapshots.outdated(proposal.before or {}, backlog.snapshots.get(str(proposal.subject_id)))


def apply(proposals: Sequence[Proposal], backlog: Backlog, *, by: Caller) -> None:
    for proposal in proposals:
        entry = Entry.objects.get(pk=proposal.subject_id)
        proposal.entry = entry_actions.put_on_hold(entry, by=by, reason=proposal.reason)


def undo(proposals: Sequence[Proposal], *, by: Caller) -> None:
    for proposal in proposals:
        before = restoring.before(proposal)
        entry = restoring.as_left(proposal, before | {"failed": False}, on_hold=True)
        if not entry.on_hold:
            raise Conflict(f"#{entry.seq} {entry.title} is no longer on hold: change single entries instead")
        if before["status"] == Entry.Status.PENDING:
            entry_actions.resume(entry, by=by, reason=restoring.REASON)
        else:
            restoring.state(entry_state.lock(entry), before)
