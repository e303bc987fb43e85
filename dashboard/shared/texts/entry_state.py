"""The state of an entry in one word, the same in the list, the graph, its page, and wherever another entry names it.

`ready` and `waiting` follow from stored columns, as in `orchestration/backlog/rules/status_groups.py`, whose counts the database makes; a test keeps the
two equal. Why a ready entry does not start yet is the sentence beside it.
"""

from collections.abc import Collection
from datetime import datetime

from django.utils.timezone import now

from orchestration.facts.reasons import OUT_OF_LINE
from orchestration.models import Entry

_BADGES = {"waiting": "pending", "running": "in_progress"}


def group(entry: Entry, at: datetime | None = None, *, asks: bool = False, open_agents: Collection[str] | None = None) -> str:
    """The entry's group in the rail. `asks`: its agent waits for an answer, which no column of the entry has. `open_agents`: the names of agents that may
    start; None: all may."""
    if entry.status == Entry.Status.IN_PROGRESS:
        return "running"
    if entry.status != Entry.Status.PENDING:
        return str(entry.status)
    if entry.reason_code in OUT_OF_LINE or asks:
        return "review"
    delayed = entry.not_before is not None and entry.not_before > (at or now())
    shut = open_agents is not None and entry.next_work != Entry.Work.VERIFY and entry.next_agent not in open_agents
    waits = entry.unmet_dependencies or entry.parked_behind_id is not None or delayed or shut
    return "waiting" if waits else "ready"


def badge(entry: Entry, *, asks: bool = False, open_agents: Collection[str] | None = None) -> str:
    """The name of the entry's badge (`labels.BADGES`). Blocked by a person is `held`."""
    if entry.status == Entry.Status.BLOCKED and entry.on_hold:
        return "held"
    kind = group(entry, asks=asks, open_agents=open_agents)
    return _BADGES.get(kind, kind)
