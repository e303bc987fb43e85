"""The stop of an entry, or of all that is below one that is split: nothing of it goes on until a person resumes it."""

from django.db import transaction

from orchestration.backlog import entry_actions, entry_state
from orchestration.backlog.tree import leaves
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Session
from orchestration.sessions import lifecycle
from workspaces.access import Caller
from workspaces.errors import Conflict
from workspaces.machine import disk


def stop_entry(entry: Entry, *, by: Caller) -> list[str]:
    """Request a stop of its open session, or of those of its children, and put the children that are pending on hold. Returns the sessions.
    Raises Conflict where there is nothing to stop."""
    stopped = disk.write_anyway(lambda: _stop(entry, by=by))
    wake_ups.publish_change(entry.workspace_id, "workers", "entries")
    return stopped


@transaction.atomic
def _stop(entry: Entry, *, by: Caller) -> list[str]:
    row = entry_state.lock(entry)
    work = leaves.instead_of([row], unless=set())
    at_work = Session.objects.filter(entry__in=work, status__in=Session.OPEN).order_by("claimed_at", "pk")
    session_ids = list(at_work.values_list("pk", flat=True))
    waiting = [each for each in work if row.is_container and each.status == Entry.Status.PENDING]
    if not session_ids and not waiting:
        raise Conflict(f"Nothing of #{row.seq} is at work or waits to start: there is nothing to stop")
    for session_id in session_ids:
        lifecycle.stop(row.workspace_id, session_id, by=by)
    if waiting:
        entry_actions.put_all_on_hold(waiting, by=by, reason=f"#{row.seq} was stopped by {by.name}")
    return session_ids
