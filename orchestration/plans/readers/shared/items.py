"""A parsed plan: entries in the API's shape, their lines, and problems by line."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MAX_BYTES = 1024 * 1024
MAX_ENTRIES = 500
MAX_DEPTH = 30
NO_LIST = "A plan is a list of entries: write each as a line that begins with `- [ ]`"


@dataclass(frozen=True, order=True)
class Problem:
    """`line` counts from 1; 0 means the whole plan."""

    line: int
    message: str


@dataclass(frozen=True)
class Item:
    """One entry as written, in the API's shape. `lines`: the line of each property, if the format provides it. `source_id`: its own id in
    its tool; empty: it is known by its `headings` and its title."""

    line: int
    value: Any
    lines: dict[str, int] = field(default_factory=dict)
    source_id: str = ""
    headings: tuple[str, ...] = ()

    def at(self, name: str) -> int:
        return self.lines.get(name, self.line)


@dataclass(frozen=True)
class Plan:
    """`skipped`: what was left out and why; `done_refs`: refs of entries that are ticked off, which no entry waits for.
    `done_paths`: the same for entries that are known by their headings and title. `doubts`: what the reader is not sure of. `name`: what
    the plan calls itself. `closed`: every task of the tool is here, so that a dependency on another one is a problem; otherwise it is done."""

    format: str
    items: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Problem, ...] = ()
    done_refs: frozenset[str] = frozenset()
    doubts: tuple[Problem, ...] = ()
    done_paths: frozenset[str] = frozenset()
    name: str = ""
    closed: bool = True


def path(headings: Iterable[str], title: str) -> str:
    """The name by which an entry without an id is known in its plan."""
    return " / ".join([*headings, title])[:500]


def title_of(content: str) -> str:
    return content.strip().split("\n", 1)[0][:120]


class Unreadable(ValueError):
    """The text does not parse; the rest of it cannot be trusted."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, message)
