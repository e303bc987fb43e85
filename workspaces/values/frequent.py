"""Statements on one row that come so often that building them would take longer than the database's answer: their SQL is built once for the same columns."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.functions import Now
from django.db.models.sql import Query


class Clock(Enum):
    """The value of a column that gets the database's time."""

    NOW = "now"


def insert(model: type[Model], values: Mapping[str, Any]) -> int:
    """Insert a row, given by its columns; the others have the defaults of their fields. Returns its id. Raises IntegrityError."""
    sql, defaults = _insert(model, _shape(values))
    with connection.cursor() as cursor:
        cursor.execute(sql, [*_parameters(values), *defaults])
        return int(cursor.fetchone()[0])


def update(model: type[Model], values: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Change the row whose columns have the values of `where`. False: there is none. Raises IntegrityError."""
    with connection.cursor() as cursor:
        cursor.execute(_update(model, _shape(values), tuple(where)), [*_parameters(values), *where.values()])
        return bool(cursor.rowcount)


Shape = tuple[tuple[str, bool], ...]


def _shape(values: Mapping[str, Any]) -> Shape:
    """Columns, and whether each gets the database's time."""
    return tuple((column, value is Clock.NOW) for column, value in values.items())


def _parameters(values: Mapping[str, Any]) -> list[Any]:
    return [
        connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
        for value in values.values()
        if value is not Clock.NOW
    ]


@lru_cache(64)
def _insert(model: type[Model], shape: Shape) -> tuple[str, tuple[Any, ...]]:
    given = dict(shape)
    left = [
        field
        for field in model._meta.concrete_fields
        if field.column not in given and not field.primary_key and not field.has_db_default()
    ]
    columns = ", ".join([*given, *(str(field.column) for field in left)])
    places = ", ".join([*(_place(is_now) for is_now in given.values()), *("%s" for _ in left)])
    sql = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({places}) RETURNING {model._meta.pk.column}"
    return sql, tuple(field.get_db_prep_save(field.get_default(), connection) for field in left)


@lru_cache(64)
def _update(model: type[Model], shape: Shape, where: tuple[str, ...]) -> str:
    changes = ", ".join(f"{column} = {_place(is_now)}" for column, is_now in shape)
    return f"UPDATE {model._meta.db_table} SET {changes} WHERE {' AND '.join(f'{column} = %s' for column in where)}"


def _place(is_now: bool) -> str:
    if not is_now:
        return "%s"
    sql, _ = Query(None).get_compiler(connection=connection).compile(Now())
    return str(sql)
