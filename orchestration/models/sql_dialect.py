"""SQL for many rows in one statement, from a JSON parameter, in the dialect of PostgreSQL or SQLite."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

_SQLITE_TYPES = {"text": "text", "bigint": "integer", "boolean": "integer", "jsonb": "text"}


def table(alias: str, columns: Mapping[str, str]) -> str:
    """A FROM item of `columns` (name: text | bigint | boolean | jsonb) fed by one `%s` parameter made by `packed`."""
    if connection.vendor == "postgresql":
        shape = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"json_to_recordset(%s::json) AS {alias}({shape})"
    picks = ", ".join(f"CAST(json_extract(value, '$.{n}') AS {_SQLITE_TYPES[k]}) AS {n}" for n, k in columns.items())
    return f"(SELECT {picks} FROM json_each(%s)) AS {alias}"


def json_rows(columns: Mapping[str, str]) -> str:
    """An aggregate of all rows as one JSON list of objects with these values (name: SQL)."""
    pairs = ", ".join(f"'{name}', {sql}" for name, sql in columns.items())
    is_postgresql = connection.vendor == "postgresql"
    return f"json_agg(json_build_object({pairs}))" if is_postgresql else f"json_group_array(json_object({pairs}))"


def picked(columns: Mapping[str, str]) -> str:
    """A select list of `columns` (name: SQL), for rows that are read by `named`."""
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def named(cursor: Any) -> list[dict[str, Any]]:
    """All rows of the statement just run, each value under its column's name."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def packed(rows: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps(list(rows))


def among(column: str) -> str:
    """`column` is one of the values of one `%s` parameter made by `values`. Uses the column's index on both databases."""
    return f"{column} = ANY(%s)" if connection.vendor == "postgresql" else f"{column} IN (SELECT value FROM json_each(%s))"


def values(items: Sequence[str]) -> Any:
    return list(items) if connection.vendor == "postgresql" else json.dumps(list(items))


def contains(texts: str, column: str) -> str:
    """Each text of the JSON list `column` is in `texts`, a JSON list as text."""
    if connection.vendor == "postgresql":
        return f"{column} <@ {texts}::jsonb"
    return f"NOT EXISTS (SELECT 1 FROM json_each({column}) WHERE value NOT IN (SELECT value FROM json_each({texts})))"


def now() -> str:
    """The database's clock, as Django stores times."""
    return "now()" if connection.vendor == "postgresql" else "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"


def database_time() -> float:
    """The database's clock: seconds since 1970."""
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp())" if is_postgresql else "SELECT (julianday('now') - 2440587.5) * 86400.0"
        )
        return float(cursor.fetchone()[0])


def seconds_ago(seconds: float) -> str:
    if connection.vendor == "postgresql":
        return f"now() - interval '{seconds:.3f} seconds'"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-{seconds:.3f} seconds')"


def seconds_until(column: str) -> str:
    """Seconds from now to a stored time; null when there is none."""
    if connection.vendor == "postgresql":
        return f"extract(epoch FROM {column} - now())::float"
    return f"(julianday({column}) - julianday('now')) * 86400.0"


def epoch(column: str) -> str:
    """A stored time in seconds since 1970."""
    return (
        f"extract(epoch FROM {column})::float"
        if connection.vendor == "postgresql"
        else f"(julianday({column}) - 2440587.5) * 86400.0"
    )


def for_update(of: str) -> str:
    """SQLite's transactions are IMMEDIATE: there is one writer at a time, and nothing to lock."""
    return f"FOR UPDATE OF {of}" if connection.vendor == "postgresql" else ""
