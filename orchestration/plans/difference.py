"""A plan compared with what was imported from it before. Pure: rows and entries as values in, lines out.

A value that only the plan changed is taken over. A value that a person changed stays, and is listed. An entry at work, a done one and one
between two rounds stay as they are.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.backlog import content, fields
from orchestration.plans.checking import Checked
from orchestration.plans.names import Row
from orchestration.plans.readers.shared.items import Plan

NEW = "ref:"
"""Stands before the ref of an entry that is not on the backlog yet."""
_NOTHING = content.hashes({"": None})[""]
"""The agent of what was imported before entries could ask for one."""


@dataclass(frozen=True)
class Known:
    """An entry that was imported from this plan. `busy`: why it may not change now, in words; `frozen`: its spec may not."""

    id: str
    seq: int
    title: str
    status: str
    source_id: str
    source_path: str
    hashes: Mapping[str, str]
    values: Mapping[str, Any]
    busy: str = ""
    frozen: bool = False
    deleted: bool = False


@dataclass(frozen=True)
class FieldChange:
    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Line:
    """One row of the plan. `changes` are taken over; `kept` are the plan's values that are not, because a person edited them or because
    the entry is busy. `values`: those of the plan."""

    row: Row
    entry: Known | None
    values: Mapping[str, Any]
    changes: tuple[FieldChange, ...] = ()
    kept: tuple[FieldChange, ...] = ()

    @property
    def kind(self) -> str:
        """`added`, `deleted` (by a person, and not added again), `changed`, `busy`, `kept`, or `unchanged`."""
        if self.entry is None:
            return "added"
        if self.entry.deleted:
            return "deleted"
        if self.changes:
            return "changed"
        if self.kept:
            return "busy" if self.entry.busy else "kept"
        return "unchanged"


@dataclass(frozen=True)
class Difference:
    """`gone`: entries that the plan has no longer; `ticked`: open entries that are ticked off in it. Both stay as they are."""

    lines: Sequence[Line]
    gone: Sequence[Known]
    ticked: Sequence[Known]

    def of(self, kind: str) -> list[Line]:
        return [line for line in self.lines if line.kind == kind]

    @property
    def added(self) -> list[Line]:
        return self.of("added")

    @property
    def changed(self) -> list[Line]:
        return self.of("changed")

    @property
    def kept(self) -> list[Line]:
        """The lines with a value that stays, whatever else of them changes."""
        return [line for line in self.lines if line.kept]

    @property
    def is_empty(self) -> bool:
        return not self.added and not self.changed

    @property
    def token(self) -> str:
        """Another one whenever the plan, or an entry that it concerns, is another."""
        seen = [
            [
                line.kind,
                line.row.source_id,
                line.row.path,
                line.values,
                line.entry and [line.entry.id, line.entry.values, line.entry.busy],
            ]
            for line in self.lines
        ]
        text = json.dumps([seen, [known.id for known in (*self.gone, *self.ticked)]], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def compare(checked: Checked, known: Iterable[Known], *, restore: bool = False) -> Difference:
    """`restore`: entries that a person deleted are added again."""
    entries = list(known)
    matches = _match(checked.rows, [entry for entry in entries if not (restore and entry.deleted)])
    ticked = [
        entry for entry in entries if entry.id not in matches.values() and not entry.deleted and _is_ticked(entry, checked.plan)
    ]
    by_id = {entry.id: entry for entry in entries}
    ids = {row.draft.ref: matches.get(n, f"{NEW}{row.draft.ref}") for n, row in enumerate(checked.rows) if row.draft}
    deleted = {ref for ref, id_ in ids.items() if id_ in by_id and by_id[id_].deleted}
    lines = []
    for n, row in enumerate(checked.rows):
        entry = by_id.get(matches.get(n, ""))
        needs = {ids.get(name, name) for name in row.draft.depends_on if name not in deleted} if row.draft else set()
        if entry is not None:  # what it waits for is ticked off: it goes on waiting for the entry of the backlog
            needs |= set(entry.values["depends_on"] or ()) & {other.id for other in ticked}
        lines.append(_line(row, entry, needs))
    taken = {*matches.values(), *(entry.id for entry in ticked)}
    gone = [entry for entry in entries if entry.id not in taken and not entry.deleted and entry.status != "done"]
    return Difference(lines, gone, [entry for entry in ticked if entry.status != "done"])


def _match(rows: Sequence[Row], known: Sequence[Known]) -> dict[int, str]:
    """Row number to entry id: by the source's own id, else by headings and title. Entries that are not deleted come first."""
    free = sorted(known, key=lambda entry: (entry.deleted, -entry.seq if entry.deleted else entry.seq))
    by_id = {entry.source_id: entry for entry in reversed(free) if entry.source_id}
    matches = {n: by_id[row.source_id].id for n, row in enumerate(rows) if row.source_id in by_id}
    by_path: dict[str, list[Known]] = defaultdict(list)
    for entry in free:
        if entry.id not in matches.values():
            by_path[entry.source_path].append(entry)
    for n, row in enumerate(rows):
        candidates = [entry for entry in by_path[row.path] if not (row.source_id and entry.source_id)] if n not in matches else []
        if candidates:
            matches[n] = candidates[0].id
            by_path[row.path].remove(candidates[0])
    return matches


def _is_ticked(entry: Known, plan: Plan) -> bool:
    return entry.source_id in plan.done_refs if entry.source_id else entry.source_path in plan.done_paths


def _line(row: Row, entry: Known | None, needs: set[str]) -> Line:
    if row.draft is None:
        return Line(row, entry, {})
    draft = row.draft
    values = fields.values(draft, needs)
    if entry is None or entry.deleted:
        return Line(row, entry, values)
    changes: list[FieldChange] = []
    kept: list[FieldChange] = []
    now = content.hashes(entry.values)
    for name, value in values.items():
        if value == entry.values[name]:
            continue
        edited = now[name] != entry.hashes.get(name, _NOTHING if name in ("agent", "route") else now[name])
        stays = edited or entry.busy or (entry.frozen and name in fields.SPEC_FIELDS)
        (kept if stays else changes).append(FieldChange(name, entry.values[name], value))
    return Line(row, entry, values, tuple(changes), tuple(kept))
