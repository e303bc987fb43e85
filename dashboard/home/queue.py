"""The queue: what all sources name, the most urgent first, without what the person put aside."""

from dataclasses import dataclass
from typing import Any

from dashboard.home.scope import Scope
from dashboard.home.sources import SOURCES, Item
from workspaces.models import QueueMark
from workspaces.people import queue_marks

SHOWN, MOST = 8, 50


@dataclass(frozen=True)
class Row:
    item: Item
    unread: bool


def items(scope: Scope) -> list[Item]:
    return sorted(
        (item for source in SOURCES for item in source(scope)),
        key=lambda item: (item.urgency, -(item.at.timestamp() if item.at else 0)),
    )


def region(scope: Scope) -> dict[str, Any]:
    """A fixed number of queries, whatever the number of workspaces."""
    every, marks = items(scope), queue_marks.of(scope.caller.user)
    waiting = [item for item in every if not _is_aside(marks.get(item.key), scope)]
    shown = MOST if scope.whole_queue else SHOWN
    rows = [Row(item, unread=item.key not in marks) for item in waiting[:shown]]
    return {
        "rows": rows,
        "waiting": len(waiting),
        "unread": sum(item.key not in marks for item in waiting),
        "left_out": max(len(waiting) - shown, 0),
        "whole": scope.whole_queue,
        "aside": len(every) - len(waiting),
    }


def _is_aside(mark: QueueMark | None, scope: Scope) -> bool:
    return mark is not None and mark.aside_until is not None and mark.aside_until > scope.at
