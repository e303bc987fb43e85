"""Records when a backlog becomes idle: no session is open and no entry can start by itself. Each time is recorded once
(`backlog.finished`).

`finished`: every entry is done or failed. `stuck`: the remaining entries wait for a person, directly or behind others. The caller holds
the executor's row, so of two sessions that end at once exactly one is the last.
"""

from collections.abc import Sequence

from django.db.models import Count, Q

from orchestration.facts import events
from orchestration.facts.reasons import OUT_OF_LINE
from orchestration.models import Entry
from workspaces import activity
from workspaces.access import MUSTER

RUNNING, STUCK, FINISHED = "going", "stuck", "finished"


GOING = Q(status=Entry.Status.IN_PROGRESS) | (
    Q(status=Entry.Status.PENDING, unmet_dependencies=0) & ~Q(reason_code__in=OUT_OF_LINE)
)


def can_progress(entry: Entry) -> bool:
    """True if the entry keeps the backlog going: `GOING`, for an entry in memory."""
    is_in_line = entry.unmet_dependencies == 0 and entry.reason_code not in OUT_OF_LINE
    return entry.status == Entry.Status.IN_PROGRESS or (entry.status == Entry.Status.PENDING and is_in_line)


def state_before(entry: Entry) -> str:
    """A lower bound for the backlog's state as long as this entry is where it is now."""
    if can_progress(entry):
        return RUNNING
    return FINISHED if entry.status in (Entry.Status.DONE, Entry.Status.FAILED) else STUCK


def liveliest(states: Sequence[str]) -> str:
    """The most active of several lower bounds."""
    return next(state for state in (RUNNING, STUCK, FINISHED) if state in states)


def record_finished(workspace_id: str, *, before: str) -> None:
    """Record an idle backlog, unless it was in the same state `before`. One query, and the insert."""
    alive = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True)
    names = {status: Count("pk", filter=Q(status=status)) for status in ("done", "failed", "blocked", "pending")}
    counts = alive.aggregate(**names, going=Count("pk", filter=GOING))
    if counts.pop("going") or not any(counts.values()):
        return
    now = STUCK if counts["blocked"] or counts["pending"] else FINISHED
    if now != before:
        event = events.BacklogFinished(state=now, **counts)
        activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id, reason=_sentence(now, counts))


def _sentence(state: str, counts: dict[str, int]) -> str:
    ended = f"{counts['done']} done, {counts['failed']} failed"
    if state == FINISHED:
        return f"Every entry has ended: {ended}"
    return f"Nothing can start by itself: {ended}, {counts['blocked']} blocked, {counts['pending']} waiting behind others or for a person"
