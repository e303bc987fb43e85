"""A person's choice of another candidate's work than Muster's."""

from django.db import transaction

from orchestration.backlog import entry_state
from orchestration.backlog.rules.transitions import PENDING
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Round
from orchestration.sessions import candidates
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict


def choose(entry: Entry, commit: str, *, by: Caller) -> None:
    """Let the work of the candidate with this commit be the entry's: it is verified, without an agent, and then waits for approval or lands like any
    other. What waited is withdrawn. Raises Conflict while the entry is at work, once it is done, or where no candidate that was not chosen has the commit."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        if row.status in (Entry.Status.IN_PROGRESS, Entry.Status.DONE):
            state = "is done" if row.status == Entry.Status.DONE else "is at work"
            raise Conflict(f"#{row.seq} {state}: no other work of it can be chosen now. Nothing was done")
        others = Round.of_any_candidate.filter(entry=row, commit=commit, is_set_aside=True, given_up=False)
        other = others.select_related("session").first()
        if other is None:
            raise Conflict(f"No candidate of #{row.seq} that was not chosen has the commit {commit[:12]}. Nothing was done")
        number = other.number
        candidates.take_up(other)
        Entry.objects.filter(pk=row.pk).update(rounds_completed=0, crashes=0)  # as where a person verifies it again
        entry_state.move(row, PENDING)
        event = events.EntryCandidateChosen(entry=row.pk, commit=commit, candidate=other.candidate, round=number)
        activity.record(row.workspace_id, event, by=by, object_id=row.pk)
    wake_ups.enqueue_cycle(row.workspace_id)
    wake_ups.publish_change(row.workspace_id, "entries", "locks", "landing", "executor")
