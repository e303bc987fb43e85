"""The database as one consistent file, taken while Muster runs; and put back into an empty one."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

TIMEOUT_S = 6 * 3600.0


class Impossible(Exception):
    """Why it cannot be done, as a sentence that says what to do."""


def save(target: Path) -> None:
    """Raises Impossible."""
    if connection.vendor == "sqlite":
        connection.close()
        source = sqlite3.connect(f"file:{_sqlite()}?mode=ro", uri=True, timeout=60)
        with source, sqlite3.connect(target) as copy:
            source.backup(copy, pages=4096)
        copy.close()
        source.close()
    else:
        _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", *_connection()])


def load(source: Path) -> None:
    """Into a database that has no tables. Raises Impossible."""
    if connection.introspection.table_names():
        raise Impossible("The database is not empty: restore into a new one, so that nothing is overwritten")
    if connection.vendor == "sqlite":
        connection.close()
        shutil.copyfile(source, _sqlite())
    else:
        _run(
            ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={_name()}", *_connection(), str(source)]
        )


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
