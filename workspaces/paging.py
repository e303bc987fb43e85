"""The pages of a list in the API. Keyset pagination: rows that are added meanwhile neither repeat nor hide a row."""

from operator import attrgetter
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from workspaces.errors import Invalid

Row = TypeVar("Row", bound=Model)


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
        raise Invalid("The cursor is not one of this list", "cursor")
    return int(cursor)
