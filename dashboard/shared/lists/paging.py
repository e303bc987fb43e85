"""Keyset pagination in pages of fifty: rows that are added meanwhile neither repeat nor hide a row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from workspaces import paging

PAGE_SIZE = 50
Cursors = tuple[Callable[[Any], str], Callable[[str], tuple[Any, Any] | None]]
"""The cursor of a row; and the two values in a cursor, or None."""


@dataclass(frozen=True)
class Page:
    """`after` and `before`: the cursors of the next and previous page, empty if there is none."""

    rows: list[Any]
    after: str = ""
    before: str = ""


def paginate(
    queryset: QuerySet[Any],
    key: str,
    tie: str,
    read: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None,
    cursors: Cursors | None = None,
    /,
    *,
    within: str = "",
    descending: bool = False,
    after: str = "",
    before: str = "",
) -> Page:
    """The rows beyond a cursor, ordered by `key` and then `tie`. An invalid cursor means the first page. `cursors`: for columns that are no
    integers.
    `within`: a column that is the same in all rows, and the first one of the index. `read` adds what the rows of one page need: the database sorts ids alone, and reads that for the page only."""
    cursor_of, position = cursors or (lambda row: f"{getattr(row, key)}_{getattr(row, tie)}", paging.pair)
    cursor = position(before or after)
    forward = not (before and cursor)
    down = descending == forward
    if cursor:
        queryset = paging.beyond(queryset, key, tie, cursor, down=down)
    sign = "-" if down else ""
    in_order = queryset.order_by(*(f"{sign}{name}" for name in (within, key, tie) if name))
    rows = _by_id(in_order, read, (key, tie), down) if read else list(in_order[: PAGE_SIZE + 1])
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    if not forward:
        rows.reverse()
    if not rows:
        return Page([])
    first, last = cursor_of(rows[0]), cursor_of(rows[-1])
    return Page(rows, after=last if more or not forward else "", before=first if cursor and (forward or more) else "")


def _by_id(
    in_order: QuerySet[Any], read: Callable[[QuerySet[Any]], QuerySet[Any]], keys: tuple[str, str], down: bool
) -> list[Any]:
    """The first rows of `in_order`."""
    # Few are left to sort here. With `in_order` the database would read the whole index once more.
    first = in_order.order_by().filter(pk__in=in_order.values("pk")[: PAGE_SIZE + 1])
    return sorted(read(first), key=lambda row: tuple(getattr(row, key) for key in keys), reverse=down)
