"""The database of a backup: a consistent file of one that is in use, and put back whole or not at all."""

import os
import sqlite3
import sys
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from orchestration.maintenance.backup import databases
from orchestration.maintenance.backup.databases import Impossible

TABLES = """
    CREATE TABLE orchestration_executor (state varchar, stop_all_at varchar);
    CREATE TABLE workspaces_delivery (state varchar, answer varchar);
    CREATE TABLE workspaces_channel (enabled bool, off_because varchar);
    INSERT INTO orchestration_executor VALUES ('running', NULL), ('paused', NULL);
    INSERT INTO workspaces_delivery VALUES ('pending', ''), ('delivered', 'ok');
    INSERT INTO workspaces_channel VALUES (TRUE, ''), (FALSE, 'a person');
"""


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the SQLite database of this Muster; nothing is there yet."""
    monkeypatch.setattr(databases, "connection", SimpleNamespace(vendor="sqlite", close=lambda: None))
    monkeypatch.setattr(databases, "_sqlite", lambda: tmp_path / "muster.sqlite3")
    return tmp_path / "muster.sqlite3"


def created(file: Path, script: str) -> Path:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(script)
    return file


def rows(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


def test_what_is_saved_while_another_process_writes_is_what_was_committed(live: Path, tmp_path: Path) -> None:
    created(live, "PRAGMA journal_mode = WAL; CREATE TABLE a (b); INSERT INTO a VALUES (1)")
    with closing(sqlite3.connect(live)) as writer:
        writer.execute("INSERT INTO a VALUES (2)")
        databases.save(tmp_path / "saved", int)
        writer.rollback()
    assert rows(tmp_path / "saved", "SELECT b FROM a") == [(1,)]
    databases.check(tmp_path / "saved", "sqlite")


def test_a_database_that_is_not_there_is_not_made_by_saving_it(live: Path, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        databases.save(tmp_path / "saved", int)
    assert not live.exists()


def test_no_trigger_of_a_copy_fires_by_itself(live: Path, tmp_path: Path) -> None:
    of_triggers = """CREATE TABLE orchestration_trigger (name varchar, is_enabled bool, next_due varchar);
        INSERT INTO orchestration_trigger VALUES ('on', TRUE, '2026-12-01'), ('off', FALSE, NULL);"""
    databases.load(created(tmp_path / "saved", TABLES + of_triggers), "a")
    assert rows(live, "SELECT * FROM orchestration_trigger") == [("on", 0, None), ("off", 0, None)]


def test_a_database_that_is_put_back_is_at_rest_and_has_no_log_of_another(live: Path, tmp_path: Path) -> None:
    for log in ("-wal", "-shm"):
        live.with_name(live.name + log).write_bytes(b"of an empty one")
    databases.load(created(tmp_path / "saved", TABLES), "name-of-the-backup")
    assert rows(live, "SELECT state, stop_all_at IS NOT NULL FROM orchestration_executor") == [("stopped", 1)] * 2
    assert rows(live, "SELECT * FROM workspaces_delivery") == [("failed", databases.OF_A_COPY), ("delivered", "ok")]
    assert rows(live, "SELECT * FROM workspaces_channel") == [(0, databases.OF_A_COPY), (0, "a person")]
    assert rows(live, f"SELECT * FROM {databases.MARK}") == [("name-of-the-backup", 0)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["muster.sqlite3", "saved"]


def test_the_mark_of_the_backup_that_a_saved_database_came_from_is_replaced(live: Path, tmp_path: Path) -> None:
    databases.load(created(tmp_path / "saved", TABLES), "the first")
    live.rename(tmp_path / "again")
    databases.load(tmp_path / "again", "the second")
    assert rows(live, f"SELECT * FROM {databases.MARK}") == [("the second", 0)]


def test_one_that_cannot_be_put_at_rest_is_not_put_back(live: Path, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        databases.load(created(tmp_path / "saved", "CREATE TABLE a (b)"), "name")
    assert not live.exists()


@pytest.mark.django_db
def test_a_database_is_known_by_the_backup_that_it_was_restored_from() -> None:
    assert databases.restored() == ("", True)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {databases.MARK} (backup varchar(64) NOT NULL, is_done integer NOT NULL)")
        cursor.execute(f"INSERT INTO {databases.MARK} VALUES ('name', 0)")
    assert databases.restored() == ("name", False)
    databases.finish()
    assert databases.restored() == ("name", True)
    with pytest.raises(Impossible, match="not empty"):
        databases.refuse_if_used()


def test_a_program_of_postgresql_that_is_missing_or_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Impossible, match="pg_nothing is missing: install PostgreSQL's client programs"):
        databases._run(["pg_nothing"])
    with pytest.raises(Impossible, match=rf"{sys.executable} failed: out of disk$"):
        databases._run([sys.executable, "-c", "import sys; sys.exit('out of disk')"])


def test_programs_of_postgresql_get_what_the_address_names_and_never_ask_for_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"NAME": "shop", "HOST": "db.example", "PORT": "", "USER": "muster", "PASSWORD": "secret-of-the-database"}
    monkeypatch.setattr(databases, "connection", SimpleNamespace(vendor="postgresql", settings_dict=given))
    monkeypatch.setattr(databases, "_snapshot", lambda: nullcontext("00000003-1"))
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$PGPASSWORD" > "$0.given"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    databases.save(tmp_path / "saved", int)
    *words, password = (tmp_path / "pg_dump.given").read_text().splitlines()
    assert {
        "--dbname=shop",
        "--host=db.example",
        "--username=muster",
        "--no-password",
        "--format=custom",
        "--snapshot=00000003-1",
    } <= set(words)
    assert not any(word.startswith("--port") for word in words) and password == "secret-of-the-database"
