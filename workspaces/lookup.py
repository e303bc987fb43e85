"""Single rows that every request reads, by a cached statement: Django's ORM takes longer to build it than the database to run it."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

M = TypeVar("M", bound=Model)


def find_row(model: type[M], condition: str, *parameters: Any, **more: str) -> M | None:
    """The row that meets the condition. `condition`: SQL with `%s`, never from a caller; true of at most one row. `more`: attributes that are
    true or false, by their SQL, read in the same statement."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(model, condition, tuple(more.values())), parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    values = list(row)
    for place, convert in _converters(model, connection.vendor):
        values[place] = convert(values[place])
    names = [field.attname for field in model._meta.concrete_fields]
    instance = model.from_db(connection.alias, names, values[: len(names)])
    for name, value in zip(more, values[len(names) :], strict=True):
        setattr(instance, name, bool(value))
    return instance


@cache
def _statement(model: type[Model], condition: str, more: tuple[str, ...]) -> str:
    columns = ", ".join([*(f'"{field.column}"' for field in model._meta.concrete_fields), *more])
    return f'SELECT {columns} FROM "{model._meta.db_table}" WHERE {condition}'


@cache
def _converters(model: type[Model], vendor: str) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    """The conversions from database to Python values that Django's own reading applies, each with the position of its column."""
    converters = []
    for place, field in enumerate(model._meta.concrete_fields):
        column = field.get_col(model._meta.db_table)
        for convert in [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]:
            converters.append((place, lambda value, convert=convert, column=column: convert(value, column, connection)))  # noqa: PERF401
    return tuple(converters)
