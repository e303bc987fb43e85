"""The first rows of several lists in one statement."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def read(lists: Mapping[str, QuerySet[Any]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each, in its order, by its name: a plain word. All have columns of the same types. Each is a query of its own within the
    union, because SQLite takes an order and a limit only there."""
    parts: list[str] = []
    parameters: list[Any] = []
    for name, queryset in lists.items():
        try:
            sql, values = queryset.query.sql_with_params()
        except EmptyResultSet:
            continue
        parts.append(f"SELECT '{name}', row_number() OVER (), {name}.* FROM ({sql}) {name}")
        parameters += values
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in lists}
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), parameters)
            for name, _, *values in sorted(cursor.fetchall(), key=lambda row: row[:2]):
                rows[name].append(tuple(values))
    return rows
