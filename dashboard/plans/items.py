"""What a plan is once it is read: entries in the API's shape, the lines that they came from, and what is wrong on which line."""

from dataclasses import dataclass, field
from typing import Any

MAX_BYTES = 1024 * 1024
MAX_ENTRIES = 500
MAX_DEPTH = 30


@dataclass(frozen=True, order=True)
class Problem:
    """`line` from 1; 0: of the plan as a whole."""

    line: int
    message: str


@dataclass(frozen=True)
class Item:
    """One entry as it was written. `lines`: where each of its properties stands, as far as the format tells."""

    line: int
    value: Any
    lines: dict[str, int] = field(default_factory=dict)

    def at(self, name: str) -> int:
        return self.lines.get(name, self.line)


@dataclass(frozen=True)
class Plan:
    """`skipped` tells what was left out and why; `done_refs` are the refs of those that are ticked off: nobody waits for them.
    `doubts`: lines that were taken as text and may have been meant otherwise."""

    format: str
    items: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Problem, ...] = ()
    done_refs: frozenset[str] = frozenset()
    doubts: tuple[Problem, ...] = ()


class Unreadable(ValueError):
    """The text is not what it should be; nothing after it can be trusted."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, message)
