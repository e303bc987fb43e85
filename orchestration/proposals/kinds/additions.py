"""Entries that are added. They may wait for each other by their refs."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from orchestration.backlog import deletion, drafts, entries
from orchestration.backlog.entries import Draft
from orchestration.models import Entry, Proposal, Run
from orchestration.proposals.context.planning_context import likeness
from orchestration.proposals.kinds.interface import Backlog
from orchestration.proposals.kinds.schema import ProposedEntry
from orchestration.schemas import EntryIn
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid

State = Proposal.State


def outdated(proposal: Proposal, backlog: Backlog) -> str:
    entry = _entry(proposal)
    open_likeness = {known.likeness: known for known in backlog.entries if known.is_open}
    twin = open_likeness.get(likeness(entry.title, [*entry.modified, *entry.created]))
    if twin and not proposal.note:  # a person who applies a marked duplicate knows it
        return f"#{twin.seq} with the same title and files was added since"
    known = _refs(backlog.run).keys() | {known.id for known in backlog.entries}
    return "" if known.issuperset(entry.depends_on) else "An entry that it depends on was deleted since"


def waiting(ready: Sequence[Proposal], outrun: Sequence[Proposal]) -> list[Proposal]:
    """The additions that depend on an outdated one, directly or behind others."""
    held, behind = {_entry(proposal).ref or "" for proposal in outrun}, list[Proposal]()
    while blocked := [p for p in ready if p not in behind and held.intersection(_entry(p).depends_on)]:
        behind += blocked
        held |= {_entry(proposal).ref or "" for proposal in blocked}
    return behind


def refuse_missing(ready: Sequence[Proposal], run: Run, *, picked: Collection[int]) -> None:
    """Raises Invalid where one depends on one that is neither among the picked (ids) nor applied."""
    refs = _refs(run)
    for proposal in ready:
        for other in (refs[name] for name in _entry(proposal).depends_on if name in refs):
            if other.pk not in picked and not (other.entry and other.entry.deleted_at is None):
                raise Invalid(
                    f"Proposal {proposal.number} depends on proposal {other.number}, which is not applied: "
                    "apply both, or take the dependency out of it",
                    "proposals",
                )


def apply(proposals: Sequence[Proposal], backlog: Backlog, *, by: Caller) -> None:
    applied = {ref: str(p.entry_id) for ref, p in _refs(backlog.run).items() if p.state == State.APPLIED}
    created = entries.add(backlog.run.session.workspace_id, [_draft(proposal, applied) for proposal in proposals], by=by)
    for proposal, entry in zip(proposals, created, strict=True):
        proposal.entry = entry


def undo(proposals: Sequence[Proposal], *, by: Caller) -> None:
    rows = [proposal.entry for proposal in proposals if proposal.entry and proposal.entry.deleted_at is None]
    if started := [row for row in rows if row.attempts or row.status == Entry.Status.DONE]:
        raise Conflict(f"#{started[0].seq} {started[0].title} has started: stop or delete single entries instead")
    if rows:
        deletion.delete_all(rows, by=by, reason="the proposals of a run were undone")


def _entry(proposal: Proposal) -> ProposedEntry:
    return ProposedEntry.model_validate(proposal.after)


def _refs(run: Run) -> dict[str, Proposal]:
    """The run's additions by the refs that their agent gave them."""
    added = run.proposals.filter(kind=Proposal.Kind.ADD).select_related("entry")
    return {str(proposal.after["ref"]): proposal for proposal in added if proposal.after.get("ref")}


def _draft(proposal: Proposal, applied: dict[str, str]) -> Draft:
    """`applied`: a ref's entry, where its proposal was applied before."""
    draft = drafts.from_request(EntryIn.model_validate(proposal.after))
    return replace(draft, depends_on=tuple(applied.get(name, name) for name in draft.depends_on))
