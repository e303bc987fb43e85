"""An entry is split into the children that its proposal names."""

from collections.abc import Sequence

from orchestration.backlog import drafts, splitting
from orchestration.models import Entry, Proposal
from orchestration.proposals.context import snapshots
from orchestration.proposals.kinds.interface import Backlog
from orchestration.schemas import EntryIn
from workspaces.access import Caller


def outdated(proposal: Proposal, backlog: Backlog) -> str:
    return snapshots.outdated(proposal.before or {}, backlog.snapshots.get(str(proposal.subject_id)))


def apply(proposals: Sequence[Proposal], backlog: Backlog, *, by: Caller) -> None:
    for proposal in proposals:
        subject = Entry.objects.get(pk=proposal.subject_id)
        children = [drafts.child_from_request(EntryIn.model_validate(child), subject) for child in proposal.after["entries"]]
        splitting.split(subject, children, by=by, reason=proposal.reason)
        proposal.entry = subject


def undo(proposals: Sequence[Proposal], *, by: Caller) -> None:
    for proposal in proposals:
        splitting.undo(Entry.objects.get(pk=proposal.subject_id), by=by, reason="the proposals of a run were undone")
