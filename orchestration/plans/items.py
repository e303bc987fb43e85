"""A parsed plan: entries in the API's shape, their lines, and problems by line."""

from dataclasses import dataclass, field
from typing import Any

MAX_BYTES = 1024 * 1024
MAX_ENTRIES = 500
MAX_DEPTH = 30


@dataclass(frozen=True, order=True)
class Problem:
    """`line` counts from 1; 0 means the whole plan."""

    line: int
    message: str


@dataclass(frozen=True)
class Item:
    """One entry as written. `lines`: the line of each property, if the format provides it."""

    line: int
    value: Any
    lines: dict[str, int] = field(default_factory=dict)

    def at(self, name: str) -> int:
        return self.lines.get(name, self.line)


@dataclass(frozen=True)
class Plan:
    """`skipped`: what was left out and why; `done_refs`: refs of entries that are ticked off, which no entry waits for.
    `doubts`: lines read as text that may have been meant as settings."""

    format: str
    items: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Problem, ...] = ()
    done_refs: frozenset[str] = frozenset()
    doubts: tuple[Problem, ...] = ()


class Unreadable(ValueError):
    """The text does not parse; the rest of it cannot be trusted."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, message)
