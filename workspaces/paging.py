"""The pages of a list in the API. Keyset pagination: rows that are added meanwhile neither repeat nor hide a row."""

import re
from operator import attrgetter
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from workspaces.errors import Invalid

Row = TypeVar("Row", bound=Model)
_PAIR = re.compile(r"(-?[0-9]{1,19})_([0-9]{1,19})")
_NOT_OF_THIS_LIST = "The cursor is not one of this list"


def page(rows: QuerySet[Row], *order: str, limit: int, cursor: str | None) -> tuple[list[Row], str | None]:
    """The rows after `cursor`, and the next cursor. `order`: columns; the last one is an integer, is unique, and makes the cursor."""
    column = order[-1].lstrip("-")
    if cursor is not None:
        rows = rows.filter(**{f"{column}__{'lt' if order[-1].startswith('-') else 'gt'}": position(cursor)})
    return cut(list(rows.order_by(*order)[: limit + 1]), limit, column)


def cut(rows: list[Any], limit: int, column: str = "pk") -> tuple[list[Any], str | None]:
    """The first `limit` of rows that were read with one more, and the next cursor."""
    return rows[:limit], str(attrgetter(column.replace("__", "."))(rows[limit - 1])) if len(rows) > limit else None


def position(cursor: str) -> int:
    """The row number in a cursor. Raises Invalid for any other text."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise Invalid(_NOT_OF_THIS_LIST, "cursor")
    return int(cursor)


def page_in_order(
    rows: QuerySet[Row], key: str, tie: str, *, descending: bool, limit: int, cursor: str | None
) -> tuple[list[Row], str | None]:
    """The same by two integer columns, of which the second is unique: the cursor has both."""
    if cursor is not None:
        if (after := pair(cursor)) is None:
            raise Invalid(_NOT_OF_THIS_LIST, "cursor")
        rows = beyond(rows, key, tie, after, down=descending)
    sign = "-" if descending else ""
    read = list(rows.order_by(f"{sign}{key}", f"{sign}{tie}")[: limit + 1])
    following = f"{getattr(read[limit - 1], key)}_{getattr(read[limit - 1], tie)}" if len(read) > limit else None
    return read[:limit], following


def beyond(rows: QuerySet[Row], key: str, tie: str, at: tuple[Any, Any], *, down: bool) -> QuerySet[Row]:
    """The rows after `at` in the order of `key` and then `tie`."""
    value, number = at
    comparison = "lt" if down else "gt"
    return rows.filter(Q(**{f"{key}__{comparison}": value}) | Q(**{key: value, f"{tie}__{comparison}": number}))


def pair(cursor: str) -> tuple[int, int] | None:
    """The two integers in a cursor; None: it has none that a database can compare."""
    match = _PAIR.fullmatch(cursor)
    numbers = (int(match[1]), int(match[2])) if match else None
    return numbers if numbers and all(abs(number) < 2**63 for number in numbers) else None
