"""A plan checked against the backlog: each entry by the API's schema, each dependency resolved. Pure but for the schema."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from orchestration import schemas
from orchestration.backlog import drafts, entries
from orchestration.backlog.entries import Draft
from orchestration.backlog.rules import graph
from orchestration.configuration import Config, entry_routes
from orchestration.plans.names import Existing, Names, Row, is_number
from orchestration.plans.readers.shared.items import Item, Plan, Problem
from workspaces.errors import Invalid
from workspaces.schemas import property_path
from workspaces.values import ids

_WORDS = {"extra_forbidden": "is not a property that entries have", "missing": "is missing"}


@dataclass(frozen=True)
class Checked:
    """`doubts`: what the reader or the check is not sure of; a person looks, and may go on."""

    plan: Plan
    rows: list[Row]
    problems: list[Problem]
    doubts: list[Problem] = field(default_factory=list)

    @property
    def drafts(self) -> list[Draft]:
        return [row.draft for row in self.rows if row.draft is not None]


def numbers(plan: Plan) -> tuple[set[int], set[str]]:
    """The backlog entries that a plan may refer to: numbers and ids."""
    names = {name for item in plan.items for raw in _listed(item) if isinstance(name := _name(raw), str)}
    seqs = {int(name[1:]) for name in names if is_number(name)}
    return seqs, {name for name in names if name.startswith("entry_") and ids.is_id(name)}


def check(plan: Plan, existing: Iterable[Existing], config: Config | None = None) -> Checked:
    """`existing`: the entries that the plan names by number or id, and those that were imported from it before. `config`: has the agents that
    it may name; None: any."""
    by_name: dict[str, Existing] = {}
    for entry in existing:
        by_name |= {f"#{entry.seq}": entry, entry.id: entry} | ({entry.source_id: entry} if entry.source_id else {})
    rows = [_row(item, config) for item in plan.items]
    names = Names(_refs(rows), by_name, plan)
    for row in rows:
        names.resolve(row)
    circle = _cycle(rows, names.refs)
    problems = sorted([*plan.problems, *(problem for row in rows for problem in row.problems), *circle])
    return Checked(plan, rows, problems, sorted([*plan.doubts, *names.doubts]))


def _row(item: Item, config: Config | None) -> Row:
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
    if config is not None:
        try:
            row.draft = replace(row.draft, agent=entries.named_agent(config, row.draft.agent))
        except Invalid as unknown:
            row.problems.append(Problem(item.at("agent"), unknown.message))
        try:
            entry_routes.checked(config, row.draft.route)
        except Invalid as wrong:
            row.problems.append(Problem(item.at("route"), wrong.message))
    return row


def _problem(item: Item, detail: Any) -> Problem:
    where = property_path(detail["loc"], unknown=detail["type"] == "extra_forbidden") or "the entry"
    words = _WORDS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    loc = [str(part) for part in detail["loc"]]
    line = item.lines.get(".".join(loc[:2]), item.at(loc[0] if loc else ""))
    return Problem(line, f"{where[:80]} {words[:1].lower()}{words[1:200]}")


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
