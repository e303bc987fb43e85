"""One state of the database for all statements of an answer: numbers of two moments never stand beside each other."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def read() -> Iterator[None]:
    """All statements within see the database as the first of them does, whatever others commit meanwhile. One that writes raises DatabaseError. Within a
    transaction of the caller they see what that one sees."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with _deferred(), transaction.atomic():
            yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


@contextmanager
def _deferred() -> Iterator[None]:
    """Transactions of SQLite that begin within take no lock of writers, and can take none: a write after a read of one is "database is locked" at once,
    whatever the busy timeout, wherever another connection wrote in between."""
    connection.ensure_connection()  # which sets the mode of the settings
    usual = connection.transaction_mode  # type: ignore[attr-defined]
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
    connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        connection.transaction_mode = usual  # type: ignore[attr-defined]
        if connection.connection is not None:  # a broken one may be closed by now
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA query_only = OFF")
