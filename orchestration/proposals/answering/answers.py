"""A planner's answer: read by the schema, checked against the repository and the backlog. Pure.

Each problem is a sentence that goes back to the agent once, so that it can repair its answer; all or nothing of it is used.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import ValidationError

from orchestration.backlog.files import paths
from orchestration.backlog.rules import graph
from orchestration.models import Proposal
from orchestration.proposals.answering import json_answers
from orchestration.proposals.answering.proposed import Answer, Proposed
from orchestration.proposals.context.planning_context import PlanningContext, likeness
from orchestration.proposals.kinds.schema import MAX_ENTRIES, AnsweredEntry, ProposedEntry

SomeEntry = TypeVar("SomeEntry", bound=ProposedEntry)


def read(text: str, planning_context: PlanningContext) -> Answer:
    """The answer in this text. Dependencies on the backlog are by id afterwards."""
    try:
        listed = json_answers.items(text, "entries", most=MAX_ENTRIES)
    except ValueError as why:
        return Answer(problems=[str(why)])
    entries, problems = by_schema(listed)
    problems = problems or list(check(entries, planning_context))
    if problems:
        return Answer(problems=json_answers.first(problems))
    resolved = [with_ids(entry, planning_context) for entry in entries]
    return Answer(additions(resolved, dict(duplicates(resolved, planning_context))))


def additions(entries: Sequence[AnsweredEntry], notes: Mapping[int, str] | None = None) -> list[Proposed]:
    """A proposal for each entry. `notes`: what people should know of an entry, by its place from 0."""
    return [
        Proposed(
            Proposal.Kind.ADD,
            entry.proposed().stored(),
            reason=entry.reason,
            note=(notes or {}).get(n, ""),
            estimate=entry.estimate.stored() if entry.estimate else {},
        )
        for n, entry in enumerate(entries)
    ]


def by_schema(listed: Sequence[Any]) -> tuple[list[AnsweredEntry], list[str]]:
    entries, problems = [], []
    for n, item in enumerate(listed, start=1):
        try:
            entries.append(AnsweredEntry.model_validate(item))
        except ValidationError as error:
            problems += [json_answers.problem(f"Entry {n}", detail) for detail in error.errors()[:5]]
    return entries, problems


def check(entries: Sequence[ProposedEntry], planning_context: PlanningContext) -> Iterator[str]:
    """Problems of entries that are added together: their refs, their dependencies, their paths."""
    refs = Counter(entry.ref for entry in entries if entry.ref)
    yield from (f"The ref `{ref}` is used twice: each entry has its own" for ref, count in refs.items() if count > 1)
    for n, entry in enumerate(entries, start=1):
        for name in entry.depends_on:
            if name not in refs and planning_context.entry(name) is None:
                yield f"Entry {n} depends on `{name}`, which is no ref of this answer and no entry of the backlog"
    needs = {entry.ref: [name for name in entry.depends_on if name in refs] for entry in entries if entry.ref}
    if loop := graph.cycle(needs):
        yield f"These entries wait for each other: {' → '.join(loop)[:300]}"
    created = set(_names(path for entry in entries for path in entry.created))
    created |= set(_names(path for known in planning_context.entries if known.is_open for path in known.created))
    owners: dict[str, int] = {}
    for n, entry in enumerate(entries, start=1):
        yield from (f"Entry {n}: {problem}" for problem in _path_problems(entry, created, planning_context))
        for name in _names(entry.test_files):
            if name.rpartition("/")[2].startswith(".git"):
                yield f"Entry {n}: `{name}` is no test file: git itself reads it"
            elif why := paths.deceives(name):
                yield f"Entry {n}: `{ascii(name)[1:-1][:200]}` cannot be a test file: {why}"
            if (owner := owners.setdefault(name, n)) != n:
                yield f"Entry {n}: `{name}` is a test file of entry {owner}: each entry brings test files of its own"


def _path_problems(entry: ProposedEntry, created: set[str], planning_context: PlanningContext) -> Iterator[str]:
    for path in [*entry.modified, *entry.created]:
        try:
            name = paths.normalise(path)
        except paths.BadPath as bad:
            yield f"`{path[:200]}` cannot be used: {bad}"
            continue
        if name not in (planning_context.files or ()) and (why := paths.deceives(name)):
            yield f"`{ascii(name)[1:-1][:200]}` cannot be used: {why}"
            continue
        exists = planning_context.files is None or name in planning_context.files or f"{name}/" in planning_context.files
        if path in entry.modified and not exists and name.rstrip("/") not in created:
            yield f"`{name}` does not exist: name files that do, or put it under files_to_create"


def _names(listed: Iterable[str]) -> Iterator[str]:
    """Normalised, without those that cannot be."""
    for path in listed:
        with suppress(paths.BadPath):
            yield paths.normalise(path).rstrip("/")


def with_ids(entry: SomeEntry, planning_context: PlanningContext) -> SomeEntry:
    """Replace the numbers of entries that it depends on by their ids."""
    names = [known.id if (known := planning_context.entry(name)) else name for name in entry.depends_on]
    return entry.model_copy(update={"depends_on": names}) if names else entry


def duplicates(entries: Sequence[ProposedEntry], planning_context: PlanningContext) -> Iterator[tuple[int, str]]:
    """Entries that say the same as an open one, or as an earlier one of the answer, with the sentence."""
    seen = {known.likeness: f"#{known.seq} on the backlog" for known in planning_context.entries if known.is_open}
    for n, entry in enumerate(entries):
        own = likeness(entry.title, [*entry.modified, *entry.created])
        if own in seen:
            yield n, f"It has the title and the files of {seen[own]}"
        seen.setdefault(own, f"entry {n + 1} of this answer")
