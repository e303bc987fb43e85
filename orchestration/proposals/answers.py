"""An agent's answer: found in its text, read by the schema, checked against the repository and the backlog. Pure.

Each problem is a sentence that goes back to the agent once, so that it can repair its answer; all or nothing of it is used.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import ValidationError

from orchestration.backlog import graph, paths
from orchestration.proposals.on_base import OnBase
from orchestration.proposals.schema import MAX_ENTRIES, AnsweredEntry, ProposedEntry
from orchestration.proposals.world import World, likeness
from workspaces.schemas import property_path

MAX_PROBLEMS = 20
MONEY = re.compile(r"budget|usd|cost|price|spend|cap$")
Proposed = TypeVar("Proposed", bound=ProposedEntry)
FENCE = re.compile(r"^```[a-zA-Z]*[ \t]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """`notes`: what people should know of an entry, by its place. `on_base`: what its tests say where the work starts. With problems, nothing
    of the answer is used."""

    entries: Sequence[AnsweredEntry] = ()
    notes: dict[int, str] = field(default_factory=dict)
    on_base: dict[int, OnBase] = field(default_factory=dict)
    problems: Sequence[str] = ()


def read(text: str, world: World) -> Answer:
    """The answer in this text. Dependencies on the backlog are by id afterwards."""
    try:
        listed = _listed(text)
    except ValueError as why:
        return Answer(problems=[str(why)])
    entries, problems = _by_schema(listed)
    problems = problems or list(check(entries, world))
    if problems:
        more = len(problems) - MAX_PROBLEMS
        return Answer(problems=[*problems[:MAX_PROBLEMS], *([f"And {more} more problems"] if more > 0 else [])])
    resolved = [with_ids(entry, world) for entry in entries]
    return Answer(resolved, dict(duplicates(resolved, world)))


def _listed(text: str) -> list[Any]:
    """The entries of the answer's JSON object. Raises ValueError with the problem."""
    if not text.strip():
        raise ValueError("There is no answer: end with one JSON object that has the key `entries`")
    broken = ""
    for candidate in _candidates(text):
        try:
            value = json.loads(candidate, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)
        except RecursionError:
            broken = "it is nested too deep"
        except ValueError as error:
            broken = str(error)[:200]
        else:
            if isinstance(value, dict) and "entries" in value:
                return _list_of(value)
    if broken and '"entries"' in text:
        raise ValueError(f"The JSON of the answer cannot be read: {broken}")
    raise ValueError("The answer is no plan: end with one JSON object that has the key `entries`, and nothing after it")


def _list_of(answer: dict[str, Any]) -> list[Any]:
    if unknown := sorted(answer.keys() - {"entries"}):
        raise ValueError(f"The answer has the key `entries` alone, not `{unknown[0][:60]}`")
    entries = answer["entries"]
    if not isinstance(entries, list) or not entries:
        raise ValueError("`entries` must be a list with at least one entry")
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"The answer has {len(entries):,} entries: {MAX_ENTRIES} is the most. Propose the first steps")
    return entries


def _candidates(text: str) -> Iterator[str]:
    """The whole text, the last fenced block with entries, and what stands between the first and the last brace."""
    yield text.strip()
    yield from [block for block in FENCE.findall(text) if '"entries"' in block][-1:]
    yield text[text.find("{") : text.rfind("}") + 1]


def _by_schema(listed: Sequence[Any]) -> tuple[list[AnsweredEntry], list[str]]:
    entries, problems = [], []
    for n, item in enumerate(listed, start=1):
        try:
            entries.append(AnsweredEntry.model_validate(item))
        except ValidationError as error:
            problems += [_problem(n, detail) for detail in error.errors()[:5]]
    return entries, problems


def _problem(n: int, detail: Any) -> str:
    is_unknown = detail["type"] == "extra_forbidden"
    name = property_path(detail["loc"], unknown=is_unknown)[:80]
    if is_unknown and MONEY.search(name):
        return f"Entry {n}: take out `{name}`: an agent sets no amounts"
    if is_unknown:
        return f"Entry {n}: take out `{name}`: entries have no such property"
    words = "is missing" if detail["type"] == "missing" else detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"Entry {n}: {f'`{name}`' if name else 'it'} {words[:1].lower()}{words[1:200]}"


def check(entries: Sequence[ProposedEntry], world: World) -> Iterator[str]:
    """Problems of entries that are added together: their refs, their dependencies, their paths."""
    refs = Counter(entry.ref for entry in entries if entry.ref)
    yield from (f"The ref `{ref}` is used twice: each entry has its own" for ref, count in refs.items() if count > 1)
    for n, entry in enumerate(entries, start=1):
        for name in entry.depends_on:
            if name not in refs and world.entry(name) is None:
                yield f"Entry {n} depends on `{name}`, which is no ref of this answer and no entry of the backlog"
    needs = {entry.ref: [name for name in entry.depends_on if name in refs] for entry in entries if entry.ref}
    if loop := graph.cycle(needs):
        yield f"These entries wait for each other: {' → '.join(loop)[:300]}"
    created = set(_names(path for entry in entries for path in entry.created))
    created |= set(_names(path for known in world.entries if known.is_open for path in known.created))
    owners: dict[str, int] = {}
    for n, entry in enumerate(entries, start=1):
        yield from (f"Entry {n}: {problem}" for problem in _path_problems(entry, created, world))
        for name in _names(entry.test_files):
            if (owner := owners.setdefault(name, n)) != n:
                yield f"Entry {n}: `{name}` is a test file of entry {owner}: each entry brings test files of its own"


def _path_problems(entry: ProposedEntry, created: set[str], world: World) -> Iterator[str]:
    for path in [*entry.modified, *entry.created]:
        try:
            name = paths.normalise(path)
        except paths.BadPath as bad:
            yield f"`{path[:200]}` cannot be used: {bad}"
            continue
        exists = world.files is None or name in world.files or f"{name}/" in world.files
        if path in entry.modified and not exists and name.rstrip("/") not in created:
            yield f"`{name}` does not exist: name files that do, or put it under files_to_create"


def _names(listed: Iterable[str]) -> Iterator[str]:
    """Normalised, without those that cannot be."""
    for path in listed:
        with suppress(paths.BadPath):
            yield paths.normalise(path).rstrip("/")


def with_ids(entry: Proposed, world: World) -> Proposed:
    """With ids instead of numbers for what it waits for on the backlog."""
    names = [known.id if (known := world.entry(name)) else name for name in entry.depends_on]
    return entry.model_copy(update={"depends_on": names}) if names else entry


def duplicates(entries: Sequence[ProposedEntry], world: World) -> Iterator[tuple[int, str]]:
    """Entries that say the same as an open one, or as an earlier one of the answer, with the sentence."""
    seen = {known.likeness: f"#{known.seq} on the backlog" for known in world.entries if known.is_open}
    for n, entry in enumerate(entries):
        own = likeness(entry.title, [*entry.modified, *entry.created])
        if own in seen:
            yield n, f"It has the title and the files of {seen[own]}"
        seen.setdefault(own, f"entry {n + 1} of this answer")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice[:60]!r} is there twice")
    return result


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number that JSON has")
