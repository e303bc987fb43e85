"""The orchestrator's answer: read by the schema, checked against the backlog as it read it. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from orchestration.backlog.rules import graph
from orchestration.models import Proposal
from orchestration.proposals.answering import answers, json_answers
from orchestration.proposals.answering.change_schema import CHANGE, MAX_CHANGES, AnsweredChange, Change, Drop, Merge, Split
from orchestration.proposals.answering.proposed import Answer, Proposed
from orchestration.proposals.context import snapshots
from orchestration.proposals.context.planning_context import PlanningContext
from orchestration.proposals.context.snapshots import EntrySnapshot
from orchestration.proposals.kinds import merges

Kind = Proposal.Kind


@dataclass(frozen=True)
class Seen:
    """The backlog as a run read it: what is open in full, and all of it for new entries, which know no files."""

    open: Mapping[str, EntrySnapshot]
    planning_context: PlanningContext

    def find(self, name: str) -> EntrySnapshot | None:
        """By id, or by `#` and its number."""
        return self.open.get(name) or next((p for p in self.open.values() if f"#{p.seq}" == name), None)

    def id_of(self, name: str) -> str | None:
        known = self.planning_context.entry(name)
        return known.id if known else None

    def without(self, pk: str) -> PlanningContext:
        return PlanningContext(entries=[known for known in self.planning_context.entries if known.id != pk])


def read(text: str, seen: Seen) -> Answer:
    """The answer in this text. It may propose nothing."""
    try:
        listed = json_answers.items(text, "changes", most=MAX_CHANGES, may_be_empty=True)
    except ValueError as why:
        return Answer(problems=[str(why)])
    changes, problems = _by_schema(listed)
    problems = problems or list(_problems(changes, seen)) or list(_problems_together(changes, seen))
    if problems:
        return Answer(problems=json_answers.first(problems))
    return Answer([_proposed(change, seen) for change in changes])


def _by_schema(listed: Sequence[Any]) -> tuple[list[AnsweredChange], list[str]]:
    changes, problems = [], []
    for n, item in enumerate(listed, start=1):
        try:
            changes.append(CHANGE.validate_python(item))
        except ValidationError as error:
            problems += [json_answers.problem(f"Change {n}", _without_tag(detail)) for detail in error.errors()[:5]]
    return changes, problems


def _without_tag(detail: Any) -> dict[str, Any]:
    """The members of a union come with their tag, and an unknown tag with all of them."""
    if detail["type"].startswith("union_tag"):
        return {"type": "value_error", "loc": ("kind",), "msg": "Input must be change, drop, hold, merge or split"}
    return {**detail, "loc": detail["loc"][1:]}


def _problems(changes: Sequence[AnsweredChange], seen: Seen) -> Iterator[str]:
    """The problems of each change by itself, and of two about one entry."""
    named = Counter[str]()
    for n, change in enumerate(changes, start=1):
        for name in [change.entry, *([change.other] if isinstance(change, Merge) else [])]:
            snapshot = seen.find(name)
            if snapshot is None:
                yield f"Change {n}: `{name}` is no open entry of the backlog"
            elif sentence := snapshots.untouchable(snapshot):
                yield f"Change {n}: {sentence}: leave it as it is"
            else:
                named[snapshot.name] += 1
        if isinstance(change, Change):
            yield from (f"Change {n}: {problem}" for problem in _problems_of_values(change, seen))
        if isinstance(change, Split):
            others = seen.without(seen.id_of(change.entry) or "")
            yield from (f"Change {n}: {problem}" for problem in answers.check(change.entries, others))
    yield from (f"{name} is in {count} changes: put all that it needs into one" for name, count in named.items() if count > 1)


def _problems_of_values(change: Change, seen: Seen) -> Iterator[str]:
    yield from (f"`{name}` is no entry of the backlog" for name in change.depends_on or () if seen.id_of(name) is None)
    snapshot = seen.find(change.entry)
    if snapshot is None:
        return
    values = _values(change, seen)
    if not values:
        yield "it names no new value: give priority, depends_on or rounds"
    yield from (f"{snapshot.name} has that {name} already" for name, value in values.items() if value == snapshot.values[name])
    if change.rounds is not None and change.rounds < snapshot.values["rounds_completed"]:
        yield f"{snapshot.name} has made {snapshot.values['rounds_completed']} rounds already"


def _problems_together(changes: Sequence[AnsweredChange], seen: Seen) -> Iterator[str]:
    """The problems of the backlog that all changes together would leave."""
    needs = {pk: list(snapshot.values["depends_on"]) for pk, snapshot in seen.open.items()}
    for change in changes:
        if isinstance(change, Change) and change.depends_on is not None:
            needs[_id(change.entry, seen)] = _ids(change.depends_on, seen)
    for change in changes:
        if isinstance(change, Merge):
            entry, other = _id(change.entry, seen), _id(change.other, seen)
            needs[entry] += needs.pop(other)
            needs = {pk: [entry if name == other else name for name in names] for pk, names in needs.items()}
            needs[entry] = [name for name in needs[entry] if name != entry]
    dropped = {_id(change.entry, seen) for change in changes if isinstance(change, Drop)}
    for pk, names in needs.items():
        for name in dropped.intersection(names) if pk not in dropped else ():
            yield f"{seen.open[name].name} cannot be dropped: {seen.open[pk].name} waits for it. Change what that waits for as well"
    if loop := graph.cycle(needs):
        yield f"These entries would wait for each other: {' → '.join(seen.open[pk].name[:60] for pk in loop)[:400]}"


def _proposed(change: AnsweredChange, seen: Seen) -> Proposed:
    snapshot = seen.find(change.entry)
    assert snapshot is not None
    before: dict[str, Any] = snapshot.stored()
    after: dict[str, Any] = {}
    if isinstance(change, Change):
        after = _values(change, seen)
    elif isinstance(change, Merge):
        other = seen.open[_id(change.other, seen)]
        before["other"] = other.stored()
        mine, theirs = snapshot.values, other.values
        after = merges.united(mine["content"], theirs["content"], mine["spec"], theirs["spec"]) | {"with": other.id}
        after |= {"content": change.content} if change.content else {}
    elif isinstance(change, Split):
        after = {"entries": [answers.with_ids(entry, seen.planning_context).stored() for entry in change.entries]}
    return Proposed(Kind(change.kind), after, reason=change.reason, subject=snapshot.id, before=before)


def _values(change: Change, seen: Seen) -> dict[str, Any]:
    """The new values, with ids of what it waits for."""
    values = change.model_dump(include={"priority", "depends_on", "rounds"}, exclude_none=True)
    if change.depends_on is not None:
        values["depends_on"] = sorted(set(_ids(change.depends_on, seen)))
    return values


def _ids(names: Sequence[str], seen: Seen) -> list[str]:
    return [pk for name in names if (pk := seen.id_of(name))]


def _id(name: str, seen: Seen) -> str:
    snapshot = seen.find(name)
    assert snapshot is not None
    return snapshot.id
