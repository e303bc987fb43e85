"""An entry as a run read it, and whether a proposal about it still holds: what was changed since, and what no proposal may touch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from orchestration.models import Dependency, Entry

# Of the snapshot's values: its name in sentences.
NAMES = {
    "content": "its text",
    "spec": "its spec",
    "priority": "its priority",
    "depends_on": "what it waits for",
    "rounds": "its number of rounds",
    "rounds_completed": "its rounds",
    "attempts": "a session has begun",
    "failed": "its state",
}
Stored = Mapping[str, Any]
"""What a proposal keeps as `before`: the values under `NAMES`, with `seq`, `status`, `reason` and `message`."""


@dataclass(frozen=True)
class EntrySnapshot:
    """An entry now. `values`: those that a proposal depends on. `locked`: a person locked its budget.
    `split`: its children do its work."""

    id: str
    seq: int
    title: str
    status: str
    reason: str
    message: str
    on_hold: bool
    frozen: bool
    locked: bool
    split: bool
    values: Stored

    @property
    def name(self) -> str:
        return f"#{self.seq} {self.title}"

    def stored(self) -> dict[str, Any]:
        return {"seq": self.seq, "status": self.status, "reason": self.reason, "message": self.message, **self.values}


def read(workspace_id: str, ids: Collection[str] | None = None) -> dict[str, EntrySnapshot]:
    """Snapshots of the entries by id; without `ids` of all that are not done. Deleted entries are left out. Two queries."""
    rows = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True)
    rows = rows.exclude(status=Entry.Status.DONE) if ids is None else rows.filter(pk__in=ids)
    listed = list(rows.annotate(is_locked=F("account__human_locked")).order_by("seq"))
    needs: dict[str, list[str]] = {row.pk: [] for row in listed}
    links = Dependency.objects.filter(entry__in=needs).order_by("depends_on__seq")
    for waiting, other in links.values_list("entry_id", "depends_on_id"):
        needs[waiting].append(other)
    return {row.pk: _snapshot(row, needs[row.pk]) for row in listed}


def _snapshot(row: Any, needs: list[str]) -> EntrySnapshot:
    values = {
        "content": row.content,
        "spec": row.spec,
        "priority": Entry.Priority(row.priority).name.lower(),
        "depends_on": sorted(needs),
        "rounds": row.budget_rounds,
        "rounds_completed": row.rounds_completed,
        "attempts": row.attempts,
        "failed": row.status == Entry.Status.FAILED,
    }
    return EntrySnapshot(
        row.pk,
        row.seq,
        row.title,
        row.status,
        row.reason_code,
        row.reason_message,
        row.on_hold,
        row.spec_frozen,
        row.is_locked,
        row.is_container,
        values,
    )


def untouchable(now: EntrySnapshot) -> str:
    """The reason why no proposal may change this entry, as a sentence; empty: one may."""
    if now.status == Entry.Status.DONE:
        return f"{now.name} is done"
    if now.status == Entry.Status.IN_PROGRESS:
        return f"{now.name} is at work"
    if now.split:
        return f"{now.name} is split: its children do its work"
    if now.on_hold:
        return f"{now.name} is on hold"
    if now.frozen:
        return f"The spec of {now.name} is frozen"
    return f"A person has locked the budget of {now.name}" if now.locked else ""


def outdated(before: Stored, now: EntrySnapshot | None) -> str:
    """The reason why a proposal about an entry that was read as `before` cannot be applied, as a sentence; empty: it can."""
    if now is None:
        return f"#{before['seq']} {title(before)} was deleted since"
    return untouchable(now) or changed(before, now)


def changed(before: Stored, now: EntrySnapshot) -> str:
    """The values that differ now, as a sentence; empty: none. Values that are not stored do not count."""
    names = [name for key, name in NAMES.items() if key in before and before[key] != now.values[key]]
    return f"{now.name} was changed since: {', '.join(names)}" if names else ""


def as_read(stored: Stored) -> dict[str, Any]:
    """The values that the run read, without what applying noted for an undo; also of the other entry of a merge."""
    names = {"seq", "status", "reason", "message", *NAMES}
    other = {"other": as_read(stored["other"])} if "other" in stored else {}
    return {name: value for name, value in stored.items() if name in names} | other


def title(before: Stored) -> str:
    """The first line of the text that the entry had."""
    return str(before.get("content", "")).strip().split("\n", 1)[0][:120]
