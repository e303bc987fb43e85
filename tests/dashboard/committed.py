"""`transactional_db` for tests with a server process: data is committed, and deleted afterwards. Django's own flush is refused
by the insert-only tables, hence another one of that name (by which pytest-django knows to make the test database)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

KEPT = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.fixture
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), wiped():
        yield


@contextmanager
def wiped() -> Iterator[None]:
    """Whatever is committed within is gone afterwards."""
    try:
        yield
    finally:
        _wipe()
        connection.close()


def _wipe() -> None:
    """Empty every table, the insert-only ones too: their triggers are away for that moment."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in KEPT]
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
            cursor.execute("SET session_replication_role = origin")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        cursor.execute("PRAGMA foreign_keys = OFF")
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")
        for _, sql in triggers:
            cursor.execute(sql)
        cursor.execute("PRAGMA foreign_keys = ON")
