"""What holds for every test: `slow` by folder, and SQLite in a real file."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

SLOW = ("faults", "journeys")  # run by `./muster test --faults` and `--journeys`


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


@pytest.fixture
def real_commits(_after_the_flush: None, transactional_db: None) -> Iterator[None]:
    """Transactions that commit, for tests with several connections. What they leave is emptied after them, although some tables are
    insert-only: only here, and only by lifting that promise for as long as it takes.
    """
    yield
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")  # no trigger fires on this connection
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_no_delete'")
        for name, sql in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(f"DELETE FROM {name.removesuffix('_no_delete')}")
            cursor.execute(sql)


@pytest.fixture
def _after_the_flush(django_db_blocker: Any) -> Iterator[None]:
    yield
    with django_db_blocker.unblock():
        connection.close()
