"""The rows of a plan, and what the names in their dependencies mean: refs of the plan, numbers and ids of the backlog, tasks of a tool."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orchestration.backlog.entries import Draft
from orchestration.plans.readers.shared.items import Item, Plan, Problem, path, title_of

MAX_GUESSES = 10  # suggestions for unknown refs: each compares with every ref of the plan


@dataclass(frozen=True)
class Existing:
    """An entry of the backlog that a plan may refer to."""

    id: str
    seq: int
    title: str
    status: str
    source_id: str = ""


@dataclass
class Row:
    """One entry of the plan. `needs`: (name, id of the backlog entry or empty for an entry of the plan)."""

    item: Item
    draft: Draft | None = None
    needs: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def title(self) -> str:
        if self.draft is not None:
            return title_of(self.draft.content)
        content = self.item.value.get("content") if isinstance(self.item.value, dict) else None
        return title_of(content) if isinstance(content, str) and content.strip() else "an entry"

    @property
    def source_id(self) -> str:
        return self.item.source_id or (self.draft.ref if self.draft else "")

    @property
    def path(self) -> str:
        return path(self.item.headings, self.title)


class Names:
    """The meaning of the names in `depends_on`."""

    def __init__(self, refs: Mapping[str, Row], by_name: Mapping[str, Existing], plan: Plan) -> None:
        self.refs, self.doubts = refs, list[Problem]()
        self._by_name, self._plan, self._near = by_name, plan, _Suggestions(refs)

    def resolve(self, row: Row) -> None:
        if row.draft is None:
            return
        meant = [name for name in dict.fromkeys(row.draft.depends_on) if self._is_open(row, name)]
        row.draft = replace(row.draft, depends_on=tuple(self._meaning(row, name) for name in meant))

    def _is_open(self, row: Row, name: str) -> bool:
        if name in self.refs or (name in self._by_name and name not in self._plan.done_refs):
            return True
        line = row.item.at("depends_on")
        if name not in self._plan.done_refs and self._plan.closed:
            row.problems.append(Problem(line, _unknown(name, self._near)))
        elif name not in self._plan.done_refs:
            self.doubts.append(Problem(line, f"{name[:60]} is neither in this plan nor on the backlog: it counts as done"))
        return False

    def _meaning(self, row: Row, name: str) -> str:
        if name in self.refs:
            row.needs.append((f"{name}: {self.refs[name].title}", ""))
            return name
        entry = self._by_name[name]
        row.needs.append((f"#{entry.seq} {entry.title}", entry.id))
        return entry.id


class _Suggestions:
    """Suggestions for unknown refs, at most MAX_GUESSES."""

    def __init__(self, refs: Mapping[str, Row]) -> None:
        self._refs = [ref for ref in refs if len(ref) <= 60]
        self._left = MAX_GUESSES

    def to(self, name: str) -> str:
        self._left -= 1
        return next(iter(difflib.get_close_matches(name[:60], self._refs, n=1)), "") if self._left >= 0 else ""


def _unknown(name: str, near: _Suggestions) -> str:
    if is_number(name):
        return f"There is no entry {name} on the backlog"
    close = near.to(name)
    how = (
        f" Is it {close!r}?"
        if close
        else " Give the entry it waits for a ref, such as (ref: parse), or name one of the backlog by its #number."
    )
    return f"There is no ref {name[:60]!r} in this plan, nor an entry of that id.{how}"


def is_number(name: object) -> bool:
    return isinstance(name, str) and name[:1] == "#" and name[1:].isascii() and name[1:].isdigit() and len(name) < 17
