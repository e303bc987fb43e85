"""Proposals change the backlog, in part or whole, in one transaction; or are rejected. What was applied can be undone while nothing of it started."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models.functions import Now

from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Proposal, Run
from orchestration.proposals import undo_text
from orchestration.proposals.context import planning_context, snapshots
from orchestration.proposals.kinds import additions, changes, drops, holds, interface, merges, splits
from orchestration.proposals.kinds.interface import Backlog
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, NotFound, Refused

Kind = Proposal.Kind
State = Proposal.State
KINDS: Mapping[str, interface.Kind] = {
    Kind.ADD: additions,
    Kind.SPLIT: splits,
    Kind.CHANGE: changes,
    Kind.HOLD: holds,
    Kind.MERGE: merges,
    Kind.DROP: drops,
}
"""In the order in which they are applied; what is undone goes the other way."""


@dataclass
class Outcome:
    """`waiting`: those that depend on an outdated one; they stay open."""

    applied: list[Proposal] = field(default_factory=list)
    outdated: list[Proposal] = field(default_factory=list)
    waiting: list[Proposal] = field(default_factory=list)


def apply(run: Run, *, by: Caller, only: Collection[int] | None = None) -> Outcome:
    """Apply the run's open proposals, or `only` these (their ids). Those that the backlog has outrun become outdated, with a sentence, and
    what depends on them stays open. Raises Invalid where a chosen one depends on one that is neither chosen nor applied, Conflict where
    one was decided meanwhile.
    """
    workspace_id = run.session.workspace_id
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        chosen = _chosen(run, only)
        backlog = _backlog(run, chosen)
        outcome, ready = _sort_out(backlog, chosen)
        for kind in KINDS:
            if proposals := of_kind(ready, kind):
                _carry_out(kind, proposals, backlog, outcome, by=by)
        _decide(outcome.applied, State.APPLIED, by=by)
        _decide(outcome.outdated, State.OUTDATED, by=by)
        if outcome.applied or outcome.outdated:
            event = events.ProposalsApplied(applied=len(outcome.applied), outdated=len(outcome.outdated))
            activity.record(workspace_id, event, by=by, object_id=run.pk)
    wake_ups.publish_change(workspace_id, "workers", "entries")
    return outcome


def reject(run: Run, *, by: Caller, only: Collection[int] | None = None) -> list[Proposal]:
    """Open proposals are refused, until they are reopened. Raises Conflict where one was decided meanwhile."""
    workspace_id = run.session.workspace_id
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        chosen = _chosen(run, only)
        _decide(chosen, State.REJECTED, by=by)
        activity.record(workspace_id, events.ProposalsRejected(rejected=len(chosen)), by=by, object_id=run.pk)
    wake_ups.publish_change(workspace_id, "workers")
    return chosen


def reopen(run: Run, *, by: Caller, only: Collection[int] | None = None) -> list[Proposal]:
    """Rejected proposals, all or `only` these, are open again. Raises Conflict where one is not rejected, or the backlog has outrun it."""
    workspace_id = run.session.workspace_id
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        chosen = _chosen(run, only, State.REJECTED)
        backlog = _backlog(run, chosen)
        for proposal in chosen:
            if sentence := KINDS[proposal.kind].outdated(proposal, backlog):
                raise Conflict(f"Proposal {proposal.number} cannot be reopened: {sentence[:400]}")
        run.proposals.filter(pk__in=[p.pk for p in chosen]).update(state=State.OPEN, decided_by="", decided_at=None)
        activity.record(workspace_id, events.ProposalsReopened(reopened=len(chosen)), by=by, object_id=run.pk)
    wake_ups.publish_change(workspace_id, "workers")
    return list(run.proposals.filter(pk__in=[p.pk for p in chosen]).order_by("number"))


def undo(run: Run, *, by: Caller) -> list[Proposal]:
    """Restore what the run's applied proposals changed; they are open then. Raises Refused where one of their entries has started or was
    changed since, or others depend on it: nothing changes."""
    workspace_id = run.session.workspace_id
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        applied = list(run.proposals.filter(state=State.APPLIED).select_related("entry").order_by("number"))
        if not applied:
            raise Conflict("Nothing of this run is applied: there is nothing to undo")
        event = events.ProposalsUndone(undone=len(applied), restored=undo_text.sentence(applied))
        for kind in reversed(list(KINDS)):
            if proposals := of_kind(applied, kind):
                KINDS[kind].undo(proposals, by=by)
        run.proposals.filter(state=State.APPLIED).update(state=State.OPEN, entry=None, decided_by="", decided_at=None)
        activity.record(workspace_id, event, by=by, object_id=run.pk)
    wake_ups.publish_change(workspace_id, "workers", "entries")
    return applied


def _backlog(run: Run, chosen: Iterable[Proposal]) -> Backlog:
    subjects = {pk for proposal in chosen for pk in (proposal.subject_id, proposal.after.get("with")) if pk}
    return Backlog(run, planning_context.entries(run.session.workspace_id), snapshots.read(run.session.workspace_id, subjects))


def _chosen(run: Run, only: Collection[int] | None, state: Proposal.State = State.OPEN) -> list[Proposal]:
    """Those in this state, in their order. Raises NotFound for one that is not of this run, Conflict for one in another state."""
    mine = list(run.proposals.select_for_update().order_by("number"))
    if only is None:
        chosen = [proposal for proposal in mine if proposal.state == state]
    else:
        if set(only) - {proposal.pk for proposal in mine}:
            raise NotFound("Proposal not found")
        chosen = [proposal for proposal in mine if proposal.pk in only]
    if decided := [proposal for proposal in chosen if proposal.state != state]:
        who = f" by {decided[0].decided_by}" if decided[0].decided_by else ""
        already = "already" if state == State.OPEN else f"and not {state}"
        raise Conflict(f"Proposal {decided[0].number} is {decided[0].state} {already}{who}: look at the run again")
    if not chosen:
        raise Conflict(f"No proposal of this run is {state}: there is nothing to decide")
    return chosen


def _sort_out(backlog: Backlog, chosen: Sequence[Proposal]) -> tuple[Outcome, list[Proposal]]:
    """Sort the chosen proposals: which are outdated, which wait for those, and which can be applied now, in their order."""
    outcome = Outcome()
    for proposal in chosen:
        if sentence := KINDS[proposal.kind].outdated(proposal, backlog):
            proposal.note = sentence[:500]
            outcome.outdated.append(proposal)
    ready = [proposal for proposal in chosen if proposal not in outcome.outdated]
    outcome.waiting = additions.waiting(of_kind(ready, Kind.ADD), of_kind(outcome.outdated, Kind.ADD))
    ready = [proposal for proposal in ready if proposal not in outcome.waiting]
    additions.refuse_missing(of_kind(ready, Kind.ADD), backlog.run, picked={proposal.pk for proposal in chosen})
    return outcome, ready


def _carry_out(kind: str, proposals: Sequence[Proposal], backlog: Backlog, outcome: Outcome, *, by: Caller) -> None:
    """Additions go together, or the call is refused. Of the others, each is applied or outdated by itself; one may have to wait for
    another, such as an entry that is dropped for what waits for it."""
    if kind == Kind.ADD:
        KINDS[kind].apply(proposals, backlog, by=by)
        outcome.applied += proposals
        return
    left = list(proposals)
    while left:
        refused = [proposal for proposal in left if not _try(proposal, backlog, by=by)]
        outcome.applied += [proposal for proposal in left if proposal not in refused]
        if len(refused) == len(left):
            outcome.outdated += refused
            return
        left = refused


def _try(proposal: Proposal, backlog: Backlog, *, by: Caller) -> bool:
    """False: the backlog refuses it; its note says why."""
    try:
        with transaction.atomic():
            KINDS[proposal.kind].apply([proposal], backlog, by=by)
    except Refused as refused:
        proposal.note, proposal.entry = refused.message[:500], None
        return False
    proposal.note = ""
    return True


def of_kind(proposals: Iterable[Proposal], kind: str) -> list[Proposal]:
    return [proposal for proposal in proposals if proposal.kind == kind]


def _decide(proposals: Iterable[Proposal], state: Proposal.State, *, by: Caller) -> None:
    for proposal in proposals:
        Proposal.objects.filter(pk=proposal.pk, state=State.OPEN).update(
            state=state, entry=proposal.entry, before=proposal.before, note=proposal.note, decided_by=by.name, decided_at=Now()
        )
        proposal.state, proposal.decided_by = state, by.name
