"""Entries that are taken off the backlog."""

from collections.abc import Sequence

from orchestration.models import Entry, Proposal
from orchestration.proposals.context import snapshots
from orchestration.proposals.kinds import restoring
from orchestration.proposals.kinds.interface import Backlog
from workspaces.access import Caller


def outdated(proposal: Proposal, backlog: Backlog) -> str:
    return snapshots.outdated(proposal.before or {}, backlog.snapshots.get(str(proposal.subject_id)))


def apply(proposals: Sequence[Proposal], backlog: Backlog, *, by: Caller) -> None:
    for proposal in proposals:
        entry = Entry.objects.get(pk=proposal.subject_id)
        waits_for = sorted(entry.dependencies.values_list("depends_on_id", flat=True))
        deleted = restoring.delete(entry, by=by, reason=proposal.reason)
        # A merge of the same run, which is undone after this, may have changed what it waits for.
        proposal.before, proposal.entry = {**restoring.before(proposal), "waits_for": waits_for, "deleted": deleted}, entry


def undo(proposals: Sequence[Proposal], *, by: Caller) -> None:
    """Restore the entries, each after those of them that it waits for."""
    notes = [restoring.deleted(restoring.before(proposal), proposal.title) for proposal in proposals]
    left = {str(proposal.subject_id): proposal for proposal in proposals}
    while left:
        needs = {pk: set(restoring.before(proposal)["waits_for"]) for pk, proposal in left.items()}
        pk = next(pk for pk, others in needs.items() if not others & left.keys())
        restoring.restore(pk, needs[pk], restoring.before(left.pop(pk))["deleted"], by=by)
    restoring.reverse_budgets(notes, by=by)
