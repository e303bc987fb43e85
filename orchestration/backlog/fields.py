"""The fields of an entry that people and plans write. Requests, plans, edits, answers and hashes loop over FIELDS, so that each is described once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.configuration import Step
from orchestration.configuration.config import routes
from orchestration.models import Entry

PRIORITIES = {p.name.lower(): p for p in Entry.Priority}
SPEC_FIELDS = (
    "requirements",
    "acceptance_criteria",
    "files_to_create",
    "files_to_modify",
    "tests",
    "test_files",
    "patterns",
    "api_contract",
    "examples",
    "integration_points",
)


@dataclass(frozen=True)
class Draft:
    """An entry before it is added. `depends_on`: ids of entries, or refs of drafts in the same call. `budget` in micro-USD. `requires`: labels
    of the host that runs it."""

    content: str
    ref: str = ""
    type: str = "task"
    spec: dict[str, Any] = field(default_factory=dict)
    priority: Entry.Priority = Entry.Priority.MEDIUM
    depends_on: tuple[str, ...] = ()
    parallelizable: bool = True
    parallel_group: str = ""
    budget: int | None = None
    budget_rounds: int | None = None
    assigned_to: str = ""
    group: str = ""
    requires: tuple[str, ...] = ()
    agent: str = ""
    route: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Change:
    """New values. None: unchanged. `depends_on`: ids of entries."""

    content: str | None = None
    group: str | None = None
    spec: dict[str, Any] | None = None
    depends_on: tuple[str, ...] | None = None
    priority: Entry.Priority | None = None
    parallelizable: bool | None = None
    parallel_group: str | None = None
    requires: tuple[str, ...] | None = None
    agent: str | None = None
    route: tuple[Step, ...] | None = None


def _same(value: Any) -> Any:
    return value


def _text(value: str | None) -> str:
    return value or ""


def _or_null(value: str) -> str | None:
    return value or None


def _steps(value: Any) -> tuple[Step, ...]:
    """The steps of a route: as people write it, or as they are."""
    return tuple(Step.model_validate(step) for step in routes.parsed(value or ""))


@dataclass(frozen=True)
class EntryField:
    """A field by its name, which the API, plans, Draft, Change and the column share."""

    name: str
    read: Callable[[Any], Any] = _text
    """From the API's value to that of Draft and Change."""
    shown: Callable[[Any], Any] = _or_null
    """From the column's value to the API's."""
    stored: Callable[[Any], Any] = _same
    """From the value of Draft and Change to the column's."""
    hashed: Callable[[Any], Any] | None = None
    """From either value to the one that an import compares, where it is not as shown."""
    is_in_line: bool = False
    """It says when the entry starts, not what it is; the form of a new entry alone has it."""
    is_inherited: bool = False
    """A child without a value of its own has its parent's."""


FIELDS = {
    each.name: each
    for each in (
        EntryField("content", _same, _same, hashed=str.strip),
        EntryField("group"),
        EntryField(
            "priority",
            PRIORITIES.__getitem__,
            lambda value: Entry.Priority(value).name.lower(),
            is_in_line=True,
            is_inherited=True,
        ),
        EntryField("parallelizable", bool, _same, is_in_line=True),
        EntryField("parallel_group", is_in_line=True, is_inherited=True),
        EntryField("requires", lambda value: tuple(value or ()), _same, list, sorted, is_inherited=True),
        EntryField("agent", is_inherited=True),
        EntryField("route", _steps, _same, hashed=lambda value: routes.written(_steps(value)), is_inherited=True),
    )
}
LINE_FIELDS = tuple(name for name, each in FIELDS.items() if each.is_in_line)
_OF_FORM = [name for name in FIELDS if name not in ("content", "group", *LINE_FIELDS)]
EDITED_FIELDS = ("content", "group", *SPEC_FIELDS, "depends_on", *_OF_FORM)
COMPARED_FIELDS = ("content", "group", "depends_on", *SPEC_FIELDS, *LINE_FIELDS, *_OF_FORM)
"""In the order in which the preview of an import names them."""


def read(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a request or plan as Draft and Change have them; other names are left out."""
    return {name: each.read(values[name]) for name, each in FIELDS.items() if name in values}


def change(values: Mapping[str, Any]) -> Change:
    """The change by a request's values, where null leaves a value as it is."""
    given = {name: value for name, value in values.items() if value is not None}
    needs = tuple(given["depends_on"]) if "depends_on" in given else None
    return Change(**read(given), spec=given.get("spec"), depends_on=needs)


def values(source: Entry | Draft, depends_on: Iterable[str]) -> dict[str, Any]:
    """The values by the API's names, as an import compares them. An empty value is None, whatever its type."""
    named = {name: (each.hashed or each.shown)(getattr(source, name)) for name, each in FIELDS.items()}
    named |= {"depends_on": sorted(depends_on)} | {name: source.spec.get(name) for name in SPEC_FIELDS}
    return {name: named[name] if named[name] or named[name] is False else None for name in COMPARED_FIELDS}
