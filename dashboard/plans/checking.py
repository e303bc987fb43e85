"""A plan against what is there: each entry through the API's own schema, each name of a dependency to what it means. Pure but for the schema."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from dashboard.plans.items import Item, Plan, Problem
from orchestration import schemas
from orchestration.api import drafts
from orchestration.backlog import entries, graph
from orchestration.backlog.entries import Draft
from workspaces import ids
from workspaces.errors import Invalid
from workspaces.schemas import property_path

MOST_GUESSES = 10  # of what a name may have meant: each compares it with every ref of the plan
_WORDS = {"extra_forbidden": "is not a property that entries have", "missing": "is missing"}


@dataclass(frozen=True)
class Existing:
    """An entry of the backlog, as far as a plan can name it."""

    id: str
    seq: int
    title: str
    status: str


@dataclass
class Row:
    """One entry of the plan. `needs`: (how it is called, id of an entry or empty for one of the plan)."""

    item: Item
    draft: Draft | None = None
    needs: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def title(self) -> str:
        if self.draft is not None:
            return self.draft.content.strip().split("\n", 1)[0][:120]
        said = self.item.value.get("content") if isinstance(self.item.value, dict) else None
        return str(said).strip().split("\n", 1)[0][:120] if isinstance(said, str) and said.strip() else "an entry"


@dataclass(frozen=True)
class Checked:
    plan: Plan
    rows: list[Row]
    problems: list[Problem]

    @property
    def drafts(self) -> list[Draft]:
        return [row.draft for row in self.rows if row.draft is not None]


def numbers(plan: Plan) -> tuple[set[int], set[str]]:
    """The entries that a plan may mean: their numbers, and their ids."""
    names = {name for item in plan.items for said in _listed(item) if isinstance(name := _name(said), str)}
    seqs = {int(name[1:]) for name in names if _is_number(name)}
    return seqs, {name for name in names if name.startswith("entry_") and ids.is_id(name)}


def check(plan: Plan, existing: Iterable[Existing]) -> Checked:
    by_name: dict[str, Existing] = {}
    for one in existing:
        by_name |= {f"#{one.seq}": one, one.id: one}
    rows = [_row(item) for item in plan.items]
    refs = _refs(rows)
    near = _Near(refs)
    for row in rows:
        _resolve(row, refs, by_name, plan.done_refs, near)
    circle = _circle(rows, refs)
    problems = sorted([*plan.problems, *(problem for row in rows for problem in row.problems), *circle])
    return Checked(plan, rows, problems)


def _row(item: Item) -> Row:
    row = Row(item)
    if not isinstance(item.value, dict):
        row.problems.append(Problem(item.line, 'An entry has properties, such as `content: "..."`'))
        return row
    named = item.value | ({"depends_on": [_name(said) for said in _listed(item)]} if _listed(item) else {})
    try:
        row.draft = drafts.of(schemas.EntryIn.model_validate(named))
    except ValidationError as error:
        for found in error.errors()[:10]:
            row.problems.append(_problem(item, found))
        return row
    try:
        entries.paths_of(row.draft.spec)
    except Invalid as bad:
        row.problems.append(Problem(item.at("spec"), bad.message))
    return row


def _problem(item: Item, found: Any) -> Problem:
    where = property_path(found["loc"], unknown=found["type"] == "extra_forbidden") or "the entry"
    words = _WORDS.get(found["type"]) or found["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Problem(item.at(str(found["loc"][0]) if found["loc"] else ""), f"{where[:80]} {words[:1].lower()}{words[1:200]}")


def _refs(rows: list[Row]) -> dict[str, Row]:
    refs: dict[str, Row] = {}
    for row in rows:
        said = row.item.value.get("ref") if isinstance(row.item.value, dict) else None
        ref = row.draft.ref if row.draft else said if isinstance(said, str) else ""
        if ref and ref in refs:
            row.problems.append(
                Problem(row.item.at("ref"), f"The ref {ref[:60]!r} is used twice, first on line {refs[ref].item.line}")
            )
        elif ref:
            refs[ref] = row
    return refs


def _resolve(row: Row, refs: Mapping[str, Row], by_name: Mapping[str, Existing], done: frozenset[str], near: "_Near") -> None:
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


class _Near:
    """The refs that a wrong name may have meant; asked so many times, it knows no more."""

    def __init__(self, refs: Mapping[str, Row]) -> None:
        self._refs = [ref for ref in refs if len(ref) <= 60]
        self._left = MOST_GUESSES

    def to(self, name: str) -> str:
        self._left -= 1
        return next(iter(difflib.get_close_matches(name[:60], self._refs, n=1)), "") if self._left >= 0 else ""


def _unknown(name: str, near: _Near) -> str:
    if _is_number(name):
        return f"There is no entry {name} on the backlog"
    close = near.to(name)
    how = (
        f" Is it {close!r}?"
        if close
        else " Give the entry it waits for a ref, such as (ref: parse), or name one of the backlog by its #number."
    )
    return f"There is no ref {name[:60]!r} in this plan, nor an entry of that id.{how}"


def _circle(rows: list[Row], refs: Mapping[str, Row]) -> list[Problem]:
    wanted = {ref: [name for name in row.draft.depends_on if name in refs] for ref, row in refs.items() if row.draft is not None}
    loop = graph.cycle(wanted)
    return [Problem(refs[loop[0]].item.at("depends_on"), f"These wait for each other: {' → '.join(loop)[:300]}")] if loop else []


def _listed(item: Item) -> list[Any]:
    said = item.value.get("depends_on") if isinstance(item.value, dict) else None
    return said if isinstance(said, list) else []


def _name(said: Any) -> Any:
    """`3`, `"#3"`: the number of an entry on the backlog. Anything else is a ref or an id, or a problem of the schema."""
    return f"#{said}" if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < 10**15 else said


def _is_number(name: Any) -> bool:
    return isinstance(name, str) and name[:1] == "#" and name[1:].isascii() and name[1:].isdigit() and len(name) < 17
