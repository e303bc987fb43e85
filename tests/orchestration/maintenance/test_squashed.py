"""A database that was upgraded step by step, from the release before, is the same as a new one, which begins with the squashed migrations."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.orchestration.test_side_by_side import BEFORE
from tests.plugins import database, throwaway

UNTIL = f"""
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
executor = MigrationExecutor(connection)
executor.loader = MigrationLoader(connection, replace_migrations=False)
nodes = executor.loader.graph.nodes
executor.migrate([max(n for n in nodes if n[0] == app and int(n[1][:4]) <= last) for app, last in {BEFORE}.items()])
"""
POSTGRESQL = (
    """SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, collation_name, is_identity
    FROM information_schema.columns WHERE table_schema = 'public'""",
    """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace""",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a PostgreSQL, or nothing for SQLite."""
    if request.param == "sqlite":
        yield ""
        return
    with throwaway.servers("postgresql") as urls:
        yield urls["DATABASE_URL"].removesuffix("/postgres")


@pytest.mark.slow
@pytest.mark.timeout(600)  # a whole chain of migrations
def test_an_upgraded_database_is_the_same_as_a_new_one(tmp_path: Path, server: str) -> None:
    shapes = {}
    for name in ("upgraded", "new"):
        env = _environment(name, tmp_path, server)
        if name == "upgraded":
            _run(env, "-c", UNTIL)
        _run(env, "-m", "manage", "migrate", "-v0", "--no-input")
        shapes[name] = set(_postgresql(env["DATABASE_URL"]) if server else _sqlite(tmp_path / name))
    assert shapes["upgraded"] - shapes["new"] == set()
    assert shapes["new"] - shapes["upgraded"] == set()
    assert len(shapes["new"]) > 900


def _environment(name: str, folder: Path, server: str) -> dict[str, str]:
    """The environment of commands on an empty database of this name."""
    if server:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as link:
            link.execute(f"CREATE DATABASE {name}")
    return {**os.environ, "MUSTER_DATA_DIR": str(folder / name), "DATABASE_URL": f"{server}/{name}" if server else ""}


def _run(env: dict[str, str], *args: str) -> None:
    done = subprocess.run([sys.executable, *args], cwd=database.ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _postgresql(url: str) -> Iterator[tuple[str, ...]]:
    with psycopg.connect(url) as link:
        for query in POSTGRESQL:
            yield from (tuple(map(str, row)) for row in link.execute(query).fetchall())


def _sqlite(data: Path) -> Iterator[tuple[str, str]]:
    """Each column and constraint of each table, in whatever order, and each index and trigger."""
    with closing(sqlite3.connect(data / "muster.sqlite3")) as link:
        for kind, name, text in link.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
            if kind == "table":
                yield from ((name, part) for part in _parts(text))
            else:
                yield name, " ".join(text.split())


def _parts(table: str) -> Iterator[str]:
    """The parts between the commas of a CREATE TABLE."""
    depth, quote, part = 0, "", ""
    for character in table.partition("(")[2].rpartition(")")[0]:
        quote = "" if character == quote else quote or (character if character in "'\"" else "")
        depth += (character == "(") - (character == ")") if not quote else 0
        if character == "," and not (depth or quote):
            yield part.strip()
            part = ""
        else:
            part += character
    yield part.strip()
