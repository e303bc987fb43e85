"""A plan checked against the backlog: each entry by the API's schema, each dependency resolved. Pure but for the schema."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from orchestration import schemas
from orchestration.backlog import entries, graph
from orchestration.backlog.entries import Draft
from orchestration.plans import drafts
from orchestration.plans.items import Item, Plan, Problem
from workspaces import ids
from workspaces.errors import Invalid
from workspaces.schemas import property_path

MAX_GUESSES = 10  # suggestions for unknown refs: each compares with every ref of the plan
_WORDS = {"extra_forbidden": "is not a property that entries have", "missing": "is missing"}


@dataclass(frozen=True)
class Existing:
    """An entry of the backlog that a plan may refer to."""

    id: str
    seq: int
    title: str
    status: str


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
            return self.draft.content.strip().split("\n", 1)[0][:120]
        content = self.item.value.get("content") if isinstance(self.item.value, dict) else None
        return str(content).strip().split("\n", 1)[0][:120] if isinstance(content, str) and content.strip() else "an entry"


@dataclass(frozen=True)
class Checked:
    plan: Plan
    rows: list[Row]
    problems: list[Problem]

    @property
    def drafts(self) -> list[Draft]:
        return [row.draft for row in self.rows if row.draft is not None]


def numbers(plan: Plan) -> tuple[set[int], set[str]]:
    """The backlog entries that a plan may refer to: numbers and ids."""
    names = {name for item in plan.items for raw in _listed(item) if isinstance(name := _name(raw), str)}
    seqs = {int(name[1:]) for name in names if _is_number(name)}
    return seqs, {name for name in names if name.startswith("entry_") and ids.is_id(name)}


def check(plan: Plan, existing: Iterable[Existing]) -> Checked:
    by_name: dict[str, Existing] = {}
    for entry in existing:
        by_name |= {f"#{entry.seq}": entry, entry.id: entry}
    rows = [_row(item) for item in plan.items]
    refs = _refs(rows)
    near = _Suggestions(refs)
    for row in rows:
        _resolve(row, refs, by_name, plan.done_refs, near)
    circle = _cycle(rows, refs)
    problems = sorted([*plan.problems, *(problem for row in rows for problem in row.problems), *circle])
    return Checked(plan, rows, problems)


def _row(item: Item) -> Row:
    row = Row(item)
    if not isinstance(item.value, dict):
        row.problems.append(Problem(item.line, 'An entry has properties, such as `content: "..."`'))
        return row
    named = item.value | ({"depends_on": [_name(raw) for raw in _listed(item)]} if _listed(item) else {})
    try:
        row.draft = drafts.from_request(schemas.EntryIn.model_validate(named))
    except ValidationError as error:
        for detail in error.errors()[:10]:
            row.problems.append(_problem(item, detail))
        return row
    try:
        entries.spec_paths(row.draft.spec)
    except Invalid as bad:
        row.problems.append(Problem(item.at("spec"), bad.message))
    return row


def _problem(item: Item, detail: Any) -> Problem:
    where = property_path(detail["loc"], unknown=detail["type"] == "extra_forbidden") or "the entry"
    words = _WORDS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Problem(item.at(str(detail["loc"][0]) if detail["loc"] else ""), f"{where[:80]} {words[:1].lower()}{words[1:200]}")


def _refs(rows: list[Row]) -> dict[str, Row]:
    refs: dict[str, Row] = {}
    for row in rows:
        raw = row.item.value.get("ref") if isinstance(row.item.value, dict) else None
        ref = row.draft.ref if row.draft else raw if isinstance(raw, str) else ""
        if ref and ref in refs:
            row.problems.append(
                Problem(row.item.at("ref"), f"The ref {ref[:60]!r} is used twice, first on line {refs[ref].item.line}")
            )
        elif ref:
            refs[ref] = row
    return refs


def _resolve(
    row: Row, refs: Mapping[str, Row], by_name: Mapping[str, Existing], done: frozenset[str], near: "_Suggestions"
) -> None:
    if row.draft is None:
        return
    meant: list[str] = []
    for name in dict.fromkeys(row.draft.depends_on):
        if name in refs:
            meant.append(name)
            row.needs.append((f"{name}: {refs[name].title}", ""))
        elif name in by_name:
            meant.append(by_name[name].id)
            row.needs.append((f"#{by_name[name].seq} {by_name[name].title}", by_name[name].id))
        elif name not in done:
            row.problems.append(Problem(row.item.at("depends_on"), _unknown(name, near)))
    row.draft = Draft(**{**row.draft.__dict__, "depends_on": tuple(meant)})


class _Suggestions:
    """Suggestions for unknown refs, at most MAX_GUESSES."""

    def __init__(self, refs: Mapping[str, Row]) -> None:
        self._refs = [ref for ref in refs if len(ref) <= 60]
        self._left = MAX_GUESSES

    def to(self, name: str) -> str:
        self._left -= 1
        return next(iter(difflib.get_close_matches(name[:60], self._refs, n=1)), "") if self._left >= 0 else ""


def _unknown(name: str, near: _Suggestions) -> str:
    if _is_number(name):
        return f"There is no entry {name} on the backlog"
    close = near.to(name)
    how = (
        f" Is it {close!r}?"
        if close
        else " Give the entry it waits for a ref, such as (ref: parse), or name one of the backlog by its #number."
    )
    return f"There is no ref {name[:60]!r} in this plan, nor an entry of that id.{how}"


def _cycle(rows: list[Row], refs: Mapping[str, Row]) -> list[Problem]:
    needs = {ref: [name for name in row.draft.depends_on if name in refs] for ref, row in refs.items() if row.draft is not None}
    loop = graph.cycle(needs)
    return [Problem(refs[loop[0]].item.at("depends_on"), f"These wait for each other: {' → '.join(loop)[:300]}")] if loop else []


def _listed(item: Item) -> list[Any]:
    names = item.value.get("depends_on") if isinstance(item.value, dict) else None
    return names if isinstance(names, list) else []


def _name(raw: Any) -> Any:
    """`3` and `"#3"` are the number of a backlog entry. Other values are refs or ids, or the schema refuses them."""
    return f"#{raw}" if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 10**15 else raw


def _is_number(name: Any) -> bool:
    return isinstance(name, str) and name[:1] == "#" and name[1:].isascii() and name[1:].isdigit() and len(name) < 17
