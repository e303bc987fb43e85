"""The backlog as an orchestrator reads it: the open entries with their states, reasons, scores and costs, and the money that is left."""

import json
from collections.abc import Mapping
from typing import Any

from budget import amounts
from budget.models import Account, Project
from orchestration import funding
from orchestration.models import Entry, Round, Session
from orchestration.proposals.answering.change_answers import Seen
from orchestration.proposals.context import planning_context, snapshots
from orchestration.proposals.context.planning_context import PlanningContext
from orchestration.proposals.context.snapshots import EntrySnapshot

MAX_LISTED = 300
MAX_DONE = 50
MAX_TEXT = 400  # characters of an entry's text
ORDER = (Entry.Status.FAILED, Entry.Status.BLOCKED, Entry.Status.IN_PROGRESS, Entry.Status.PENDING)


def read(workspace_id: str) -> tuple[Seen, str]:
    """The backlog for the checks of an answer, and as JSON for the prompt."""
    seen = Seen(snapshots.read(workspace_id), PlanningContext(entries=planning_context.entries(workspace_id)))
    done = [known for known in seen.planning_context.entries if not known.is_open]
    listed = sorted(seen.open.values(), key=lambda snapshot: (ORDER.index(Entry.Status(snapshot.status)), snapshot.seq))
    parts: dict[str, Any] = {
        "money": _money(workspace_id),
        "sessions_at_work": Session.objects.filter(workspace_id=workspace_id, status__in=Session.OPEN).count(),
        "done": [f"#{row.seq} {row.title}" for row in done[-MAX_DONE:]],
        "entries_not_listed": max(len(listed) - MAX_LISTED, 0),
    }
    entries = _entries(listed[:MAX_LISTED], {known.id: known.seq for known in seen.planning_context.entries})
    lines = ",\n".join(f"  {json.dumps(entry, ensure_ascii=False)}" for entry in entries)
    return seen, json.dumps(parts, ensure_ascii=False)[:-1] + f', "entries": [\n{lines}\n]}}'


def _money(workspace_id: str) -> dict[str, Any]:
    project = Project.objects.get(pk=workspace_id)
    return {
        "spent_usd": amounts.number(project.total_spent),
        "left_usd": amounts.number(max(project.headroom, 0)),
        "not_reserved_usd": amounts.number(max(funding.plan(workspace_id).free, 0)),
    }


def _entries(listed: list[EntrySnapshot], seqs: Mapping[str, int]) -> list[dict[str, Any]]:
    rows = Entry.objects.in_bulk([snapshot.id for snapshot in listed])
    spent = dict(Account.objects.filter(pk__in=rows).values_list("pk", "spent"))
    gains: dict[str, list[float]] = {pk: [] for pk in rows}
    rounds = Round.objects.filter(entry__in=rows, improvement_score__isnull=False).order_by("number")
    for pk, gain in rounds.values_list("entry_id", "improvement_score"):
        gains[pk].append(round(gain or 0, 3))
    return [
        {
            "entry": f"#{snapshot.seq}",
            "title": snapshot.title,
            "text": "\n".join(rows[snapshot.id].content.strip().split("\n")[1:]).strip()[:MAX_TEXT],
            "state": snapshot.status,
            "reason": snapshot.message or snapshot.reason,
            "priority": snapshot.values["priority"],
            "depends_on": [f"#{seqs[pk]}" for pk in snapshot.values["depends_on"] if pk in seqs],
            "files": rows[snapshot.id].paths[:20],
            "rounds_made": snapshot.values["rounds_completed"],
            "rounds": snapshot.values["rounds"],
            "score": rows[snapshot.id].score,
            "improvements": gains[snapshot.id][-5:],
            "cost_usd": amounts.number(spent[snapshot.id]),
            "why_not": snapshots.untouchable(snapshot),
        }
        for snapshot in listed
    ]
