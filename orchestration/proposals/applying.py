"""Proposals become entries, in part or whole, in one transaction; or are rejected. What was applied can be undone while nothing of it started."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.db import transaction
from django.db.models.functions import Now

from orchestration import events
from orchestration.backlog import deletion, drafts, entries
from orchestration.backlog.entries import Draft
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Proposal, Run
from orchestration.proposals import world
from orchestration.proposals.schema import ProposedEntry
from orchestration.proposals.world import Known, likeness
from orchestration.schemas import EntryIn
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid, NotFound

State = Proposal.State


@dataclass
class Outcome:
    """`waiting`: those that depend on an outdated one; they stay open."""

    applied: list[Proposal] = field(default_factory=list)
    outdated: list[Proposal] = field(default_factory=list)
    waiting: list[Proposal] = field(default_factory=list)


def apply(run: Run, *, by: Caller, only: Collection[int] | None = None) -> Outcome:
    """Add the entries of the run's open proposals, or of `only` these (their ids). Those that the backlog has outrun become outdated, with a
    sentence, and what depends on them stays open. Raises Invalid where a chosen one depends on one that is neither chosen nor applied,
    Conflict where one was decided meanwhile.
    """
    workspace_id = run.session.workspace_id
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        chosen = _chosen(run, only)
        outcome, ready = _sort_out(run, chosen, world.entries(workspace_id))
        applied = _applied_refs(run)
        created = entries.add(workspace_id, [_draft(proposal, applied) for proposal in ready], by=by) if ready else []
        for proposal, entry in zip(ready, created, strict=True):
            _decide([proposal], State.APPLIED, by=by, entry=entry)
        outcome.applied = ready
        _decide(outcome.outdated, State.OUTDATED, by=by)
        if ready or outcome.outdated:
            event = events.ProposalsApplied(applied=len(ready), outdated=len(outcome.outdated))
            activity.record(workspace_id, event, by=by, object_id=run.pk)
    wake_ups.publish_change(workspace_id, "workers", "entries")
    return outcome


def reject(run: Run, *, by: Caller, only: Collection[int] | None = None) -> list[Proposal]:
    """Open proposals are refused for good. Raises Conflict where one was decided meanwhile."""
    workspace_id = run.session.workspace_id
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        chosen = _chosen(run, only)
        _decide(chosen, State.REJECTED, by=by)
        activity.record(workspace_id, events.ProposalsRejected(rejected=len(chosen)), by=by, object_id=run.pk)
    wake_ups.publish_change(workspace_id, "workers")
    return chosen


def undo(run: Run, *, by: Caller) -> list[Proposal]:
    """Take the entries of the run off the backlog again; their proposals are open then. Raises Conflict where one of them has started or
    others depend on it: nothing changes."""
    workspace_id = run.session.workspace_id
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        applied = list(run.proposals.filter(state=State.APPLIED).select_related("entry"))
        if not applied:
            raise Conflict("Nothing of this run is applied: there is nothing to undo")
        rows = [proposal.entry for proposal in applied if proposal.entry and proposal.entry.deleted_at is None]
        if started := [row for row in rows if row.attempts or row.status == Entry.Status.DONE]:
            raise Conflict(f"#{started[0].seq} {started[0].title} has started: stop or delete single entries instead")
        if rows:
            deletion.delete_all(rows, by=by, reason="the proposals of a run were undone")
        run.proposals.filter(state=State.APPLIED).update(state=State.OPEN, entry=None, decided_by="", decided_at=None)
        activity.record(workspace_id, events.ProposalsUndone(undone=len(applied)), by=by, object_id=run.pk)
    wake_ups.publish_change(workspace_id, "workers", "entries")
    return applied


def _chosen(run: Run, only: Collection[int] | None) -> list[Proposal]:
    """Those that are still open, in their order. Raises NotFound for one that is not of this run."""
    mine = list(run.proposals.select_for_update().order_by("number"))
    if only is None:
        chosen = [proposal for proposal in mine if proposal.state == State.OPEN]
    else:
        if set(only) - {proposal.pk for proposal in mine}:
            raise NotFound("Proposal not found")
        chosen = [proposal for proposal in mine if proposal.pk in only]
    if decided := [proposal for proposal in chosen if proposal.state != State.OPEN]:
        who = f" by {decided[0].decided_by}" if decided[0].decided_by else ""
        raise Conflict(f"Proposal {decided[0].number} is {decided[0].state} already{who}: look at the run again")
    if not chosen:
        raise Conflict("No proposal of this run is open: there is nothing to decide")
    return chosen


def _sort_out(run: Run, chosen: Sequence[Proposal], backlog: Sequence[Known]) -> tuple[Outcome, list[Proposal]]:
    """Which of the chosen are outdated, which wait for those, and which can be applied now, in their order."""
    entries_by_proposal = {proposal.pk: ProposedEntry.model_validate(proposal.after) for proposal in chosen}
    alive, open_likeness = {known.id for known in backlog}, {known.likeness: known for known in backlog if known.is_open}
    refs = {str(p.after["ref"]): p for p in run.proposals.select_related("entry") if p.after.get("ref")}
    outcome, held = Outcome(), set[str]()
    for proposal in chosen:
        entry = entries_by_proposal[proposal.pk]
        twin = open_likeness.get(likeness(entry.title, [*entry.modified, *entry.created]))
        missing = [name for name in entry.depends_on if name not in refs and name not in alive]
        if twin and not proposal.note:  # a person who applies a marked duplicate knows it
            proposal.note = f"#{twin.seq} with the same title and files was added since"
        elif missing:
            proposal.note = "An entry that it depends on was deleted since"
        else:
            continue
        outcome.outdated.append(proposal)
        held.add(entry.ref or "")
    picked = {proposal.pk for proposal in chosen}
    ready = [proposal for proposal in chosen if proposal not in outcome.outdated]
    while blocked := [p for p in ready if held.intersection(entries_by_proposal[p.pk].depends_on)]:
        outcome.waiting += blocked
        held |= {entries_by_proposal[p.pk].ref or "" for p in blocked}
        ready = [proposal for proposal in ready if proposal not in blocked]
    for proposal in ready:
        _refuse_missing(proposal, entries_by_proposal[proposal.pk], refs, picked)
    return outcome, ready


def _refuse_missing(proposal: Proposal, entry: ProposedEntry, refs: dict[str, Proposal], picked: set[int]) -> None:
    for name in entry.depends_on:
        other = refs.get(name)
        if other is None or other.pk in picked or (other.entry and other.entry.deleted_at is None):
            continue
        raise Invalid(
            f"Proposal {proposal.number} depends on proposal {other.number}, which is not applied: "
            "apply both, or take the dependency out of it",
            "proposals",
        )


def _applied_refs(run: Run) -> dict[str, str]:
    """Ref to the id of the entry that its proposal became."""
    applied = run.proposals.filter(state=State.APPLIED)
    return {str(p.after["ref"]): str(p.entry_id) for p in applied if p.after.get("ref")}


def _draft(proposal: Proposal, applied: dict[str, str]) -> Draft:
    draft = drafts.from_request(EntryIn.model_validate(proposal.after))
    return replace(draft, depends_on=tuple(applied.get(name, name) for name in draft.depends_on))


def _decide(chosen: Iterable[Proposal], state: Proposal.State, *, by: Caller, entry: Entry | None = None) -> None:
    for proposal in chosen:
        Proposal.objects.filter(pk=proposal.pk, state=State.OPEN).update(
            state=state, entry=entry, note=proposal.note, decided_by=by.name, decided_at=Now()
        )
        proposal.state, proposal.entry, proposal.decided_by = state, entry, by.name
