"""The first rows of a list, which know the number of all: a page that cuts a list says so (templates/shared/first_of.html)."""

from typing import Any, TypeVar

from django.db.models import QuerySet

Row = TypeVar("Row")


class Head(list[Row]):
    """`total`: of all rows."""

    total: int

    @property
    def is_cut(self) -> bool:
        return self.total > len(self)


def first_of(rows: "QuerySet[Any, Row]", most: int) -> Head[Row]:
    """The first `most` of `rows`, which are in an order. One query; two where there are more."""
    first: Head[Row] = Head(rows[: most + 1])
    first.total = rows.count() if len(first) > most else len(first)
    del first[most:]
    return first
