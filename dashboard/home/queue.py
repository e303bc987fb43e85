"""The queue: what all sources name, the most urgent first, without what the person put aside."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.urls import reverse

from dashboard.home.scope import Scope
from dashboard.home.sources import MAX_ENTRIES, SOURCES, Item
from dashboard.shared.lists.head import Head
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from workspaces.access import Need
from workspaces.models import QueueMark
from workspaces.people import queue_marks

SHOWN, MOST = 8, 50


@dataclass(frozen=True)
class Row:
    """One decision. `alike`: the items that it is about, where they are several: entries of a workspace with the same reason.
    `may_operate`: in their workspace."""

    item: Item
    unread: bool
    alike: tuple[Item, ...] = ()
    may_operate: bool = False

    @property
    def words(self) -> str:
        """`are out of rounds`."""
        return f"are {reasons.group(self.item.code)}"

    @property
    def listed(self) -> str:
        return f"{reverse('entries', args=[self.item.workspace.pk])}?reason={self.item.code}"

    @property
    def gives_rounds(self) -> bool:
        """One action for all of them is known, and the person may do it."""
        return self.may_operate and self.item.code == Reason.ROUNDS_EXHAUSTED


def items(scope: Scope) -> Head[Item]:
    """The most urgent first. Cut where a source had as many as it reads: its others are not known."""
    lists = [list(source(scope)) for source in SOURCES]
    every = Head(sorted(chain(*lists), key=lambda item: (item.urgency, -(item.at.timestamp() if item.at else 0))))
    every.total = len(every) + any(len(each) >= MAX_ENTRIES for each in lists)
    return every


def region(scope: Scope) -> dict[str, Any]:
    """A fixed number of queries, whatever the number of workspaces."""
    every, marks = items(scope), queue_marks.of(scope.caller.user)
    waiting = [item for item in every if not _is_aside(marks.get(item.key), scope)]
    shown = MOST if scope.whole_queue else SHOWN
    rows = together(waiting, unread={item.key for item in waiting} - marks.keys(), operable=scope.where_one_may(Need.OPERATE))
    return {
        "rows": rows[:shown],
        "waiting": len(rows),
        "unread": sum(item.key not in marks for item in waiting),
        "left_out": max(len(rows) - shown, 0),
        "whole": scope.whole_queue,
        "most": MAX_ENTRIES if every.is_cut else 0,
        "aside": len(every) - len(waiting),
    }


def together(waiting: list[Item], *, unread: set[str], operable: list[str]) -> list[Row]:
    """A row for each item, but one for entries of a workspace that wait for the same reason, at the place of the first."""
    alike: dict[tuple[str, str, int], list[Item]] = {}
    for item in waiting:
        own = not item.code or item.code in reasons.DECIDED_ONE_BY_ONE
        alike.setdefault((item.workspace.pk, item.key if own else item.code, item.urgency), []).append(item)
    return [
        Row(
            group[0],
            any(item.key in unread for item in group),
            tuple(group) if len(group) > 1 else (),
            group[0].workspace.pk in operable,
        )
        for group in alike.values()
    ]


def _is_aside(mark: QueueMark | None, scope: Scope) -> bool:
    return mark is not None and mark.aside_until is not None and mark.aside_until > scope.at
