"""Counts of long lists: they stop at COUNTED_TO, so that a page costs the same however long its list is."""

from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery, Value

COUNTED_TO = 10_000


class Counted(Subquery):
    """The number of rows of a queryset, at most COUNTED_TO + 1, as part of another query."""

    template = "(SELECT count(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().annotate(one=Value(1)).values("one")[: COUNTED_TO + 1])


def text(number: int) -> str:
    return f"{COUNTED_TO:,}+" if number > COUNTED_TO else f"{number:,}"


def in_progress(word: str, *, landing: int, split: int) -> str:
    """`in progress, 1 landing`: the number of entries in progress is no other number of agents at work."""
    return ", ".join([word, *(f"{text(n)} {where}" for n, where in ((landing, "landing"), (split, "split")) if n)])
