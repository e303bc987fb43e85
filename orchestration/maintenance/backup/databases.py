"""The database as one consistent file, taken while Muster runs; and put back into an empty one, whole or not at all."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction

T = TypeVar("T")
TIMEOUT_S = 6 * 3600.0
MARK = "muster_restore"
"""The table of a restored database that names its backup, and whether its repositories are in place too."""
AT_REST = (
    f"DROP TABLE IF EXISTS {MARK}; CREATE TABLE {MARK} (backup varchar(64) NOT NULL, is_done integer NOT NULL); "
    f"INSERT INTO {MARK} VALUES ('{{backup}}', 0); "
    "UPDATE orchestration_executor SET state = 'stopped', stop_all_at = CURRENT_TIMESTAMP; "
    "UPDATE workspaces_delivery SET state = 'failed', answer = '{of_a_copy}' WHERE state = 'pending'; "
    "UPDATE workspaces_channel SET enabled = FALSE, off_because = '{of_a_copy}' WHERE enabled;"
)
"""In the transaction that loads the database: no process may find executors that run, triggers to fire or notices to send. The site that the
backup is of may live, and send its own."""
TRIGGERS = "orchestration_trigger"
TRIGGERS_OFF = f"UPDATE {TRIGGERS} SET is_enabled = FALSE, next_due = NULL WHERE is_enabled;"
"""A part of that where the backup has the table: those of earlier releases have none."""
OF_A_COPY = "A backup was restored: what it had still to send was not sent"

LOCK = 20261128
"""PostgreSQL's advisory lock of the transaction that loads."""


class Impossible(Exception):
    """The reason why it cannot be done, as a sentence with what to do."""


def save(target: Path, read: Callable[[], T]) -> list[T]:
    """Returns what `read` finds in the saved state; on SQLite what it finds before and after, since it reads the live one. Raises Impossible."""
    if connection.vendor == "postgresql":
        with _snapshot() as name:
            seen = read()
            _run(
                [
                    "pg_dump",
                    "--format=custom",
                    "--no-owner",
                    "--no-privileges",
                    f"--snapshot={name}",
                    f"--file={target}",
                    *_connection(),
                ]
            )
        return [seen]
    before = read()
    connection.close()
    source = sqlite3.connect(f"file:{_sqlite()}?mode=ro", uri=True, timeout=60)
    with source, sqlite3.connect(target) as copy:
        source.backup(copy, pages=4096)
    copy.close()
    source.close()
    return [before, read()]


@contextmanager
def _snapshot() -> Iterator[str]:
    """All that this block reads is of one moment, which pg_dump can have too by its name."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(
            "SET LOCAL idle_in_transaction_session_timeout = 0"
        )  # it is idle while pg_dump works, which may take hours
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


def refuse_if_used() -> None:
    """Raises Impossible where the database has tables."""
    if connection.introspection.table_names():
        raise Impossible("The database is not empty: restore into a new one, so that nothing is overwritten")


def load(source: Path, backup: str) -> None:
    """Into a database that has no tables, in one transaction, with every executor stopped and every trigger off. Raises Impossible: nothing was changed.
    `backup`: the name under which `restored` knows it."""
    at_rest = AT_REST.format(backup=backup, of_a_copy=OF_A_COPY)
    if connection.vendor == "sqlite":
        connection.close()
        _load_file(source, at_rest)
        return
    beginning, script, ending = (source.with_name(f"{name}.sql") for name in ("beginning", "load", "ending"))
    _run(["pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(source)])
    beginning.write_text(f"SELECT pg_advisory_xact_lock({LOCK});\n")
    no_triggers = f"DO $$ BEGIN IF to_regclass('{TRIGGERS}') IS NOT NULL THEN {TRIGGERS_OFF} END IF; END $$;"
    ending.write_text(f"RESET search_path; {at_rest} {no_triggers}\n")  # pg_restore empties it
    quiet = ["psql", "--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--single-transaction"]
    _run([*quiet, f"--dbname={_name()}", *_connection(), *(f"--file={file}" for file in (beginning, script, ending))])


def await_interrupted() -> None:
    """A psql whose restore was killed may go on to its end."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s), pg_advisory_unlock(%s)", [LOCK, LOCK])


def restored() -> tuple[str, bool]:
    """The backup that this database was restored from, and whether that came to its end. Empty: none."""
    if MARK not in connection.introspection.table_names():
        return "", True
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT backup, is_done FROM {MARK}")
        name, is_done = cursor.fetchone()
        return str(name), bool(is_done)


def finish() -> None:
    """Mark the restoration as complete, in the transaction of its last change."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {MARK} SET is_done = 1")


def check(file: Path, vendor: str) -> None:
    """Raises Impossible where a saved database cannot be read."""
    if vendor == "sqlite":
        try:
            with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as saved:
                problem = saved.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            problem = str(error)
        if problem != "ok":
            raise Impossible(f"The saved database is damaged: {problem}")
    else:
        _run(["pg_restore", "--file=/dev/null", str(file)])


def _load_file(source: Path, at_rest: str) -> None:
    """The file gets its name when it is complete."""
    target = _sqlite()
    new = target.with_name(f".{target.name}.restored")
    shutil.copyfile(source, new)
    with closing(sqlite3.connect(new)) as database:
        has_triggers = database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [TRIGGERS]).fetchone()
        database.executescript(f"BEGIN; {at_rest} {TRIGGERS_OFF if has_triggers else ''} COMMIT;")
    with open(new, "rb") as written:
        os.fsync(written.fileno())
    for log in ("-wal", "-shm"):  # SQLite would replay the log of the empty database into this one
        target.with_name(target.name + log).unlink(missing_ok=True)
    new.replace(target)


def _sqlite() -> Path:
    return Path(str(settings.DATABASES["default"]["NAME"]))


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _connection() -> list[str]:
    given = connection.settings_dict
    chosen = {"--host": given["HOST"], "--port": given["PORT"], "--username": given["USER"]}
    return [f"{option}={value}" for option, value in chosen.items() if value] + ["--no-password"]


def _run(command: Sequence[str]) -> None:
    if command[0] == "pg_dump":
        command = [*command, f"--dbname={_name()}"]
    env: dict[str, Any] = {**os.environ, "PGPASSWORD": str(connection.settings_dict["PASSWORD"] or "")}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    except FileNotFoundError:
        raise Impossible(
            f"{command[0]} is missing: install PostgreSQL's client programs, of the server's version or newer"
        ) from None
    if done.returncode:
        raise Impossible(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
