"""What holds for every test: `slow` by folder, SQLite in a real file, and a flush that gets past the insert-only triggers."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.db.backends.base.operations import BaseDatabaseOperations

SLOW = ("faults", "journeys", "agents")  # run by `./muster test --faults`, `--journeys` and `--agents`


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if any(item.path.is_relative_to(here / folder) for folder in SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A file instead of Django's in-memory database: locks, WAL and several processes behave as in production."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        database.setdefault("TEST", {})["NAME"] = str(Path(settings.DATA_DIR, f"test-{worker}.sqlite3"))


@pytest.fixture(scope="session", autouse=True)
def _flush_past_the_triggers() -> None:
    """The ledger and the activity log refuse to be emptied, whoever asks. Transactional tests must empty them all the same."""
    BaseDatabaseOperations.execute_sql_flush = _flush  # type: ignore[method-assign]


def _flush(operations: Any, statements: Sequence[str]) -> None:
    connection = operations.connection
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")  # triggers rest, for this transaction
            for statement in statements:
                cursor.execute(statement)
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f'DROP TRIGGER "{name}"')
        for statement in [*statements, *(sql for _, sql in triggers)]:
            cursor.execute(statement)
