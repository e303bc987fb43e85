"""Queries that a thread asks again and again, mostly for no answer."""

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

KEPT = 32  # values of one query


class StandingQuery:
    """Its SQL is built once for the same values: building it takes ten times as long as the database's answer.

    `build` uses the database's clock (`Now()`) and what it gets as values, such as settings: anything else would stay as it was the first time.
    """

    def __init__(self, build: Callable[..., QuerySet[Any]]) -> None:
        self._sql = lru_cache(KEPT)(lambda *values: _exists_sql(build(*values)))

    def any(self, *values: Hashable) -> bool:
        """True if there is a row."""
        with connection.cursor() as cursor:
            cursor.execute(*self._sql(*values))
            return cursor.fetchone() is not None


def _exists_sql(queryset: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
    sql, parameters = queryset.query.exists().get_compiler(connection=connection).as_sql()
    return sql, tuple(parameters)
