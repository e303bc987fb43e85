"""A stage: rows that many tests start from, made once and committed in a database of their own, where each test's transaction begins.

A folder or file names its stage with a fixture `stage` (tests/conftest.py); the fixture that returns the rows calls `row`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model
from django.utils.timezone import now

from tests.plugins import database

Row = TypeVar("Row", bound=Model)
Make = Callable[[], Model]
FRESH_S = 30  # then the rows are made anew: pages show how long ago things happened


@dataclass
class _Stage:
    database: str
    row: Model | None = None
    created_at: float = 0.0
    day: Any = None

    @property
    def is_fresh(self) -> bool:
        return self.row is not None and time.monotonic() - self.created_at < FRESH_S and self.day == now().date()


_stages: dict[Make, _Stage] = {}
_current: Make | None = None
_open: dict[str, Any] = {}  # connections of the databases that are not in use


@contextmanager
def on(make: Make) -> Iterator[None]:
    """Connect to the stage's database, with rows that are fresh."""
    global _current
    if make not in _stages:
        _stages[make] = _Stage(database.copy(f"stage_{len(_stages)}"))
    try:
        _swap(_stages[make].database)
        _freshen(make, _stages[make])
        _current = make
        yield
    finally:
        _current = None
        _swap(database.name)


def _freshen(make: Make, stage: _Stage) -> None:
    if stage.is_fresh:
        return
    if stage.row is not None:
        database.wipe()
        stage.row = None
    with transaction.atomic():
        row = make()
        connection.run_on_commit.clear()  # as in a test, no message leaves
    stage.row, stage.created_at, stage.day = row, time.monotonic(), now().date()


def row(make: Callable[[], Row]) -> Row:
    """The row that `make` returns: read from the stage, or created now where the test runs without one."""
    if _current is not make:
        return make()
    stored = _stages[make].row
    assert stored is not None
    return type(stored)._default_manager.get(pk=stored.pk)  # type: ignore[return-value]


def close() -> None:
    for raw in filter(None, _open.values()):
        raw.close()


def _swap(name: str) -> None:
    """Keeps the connection: a new one costs PostgreSQL as much as a page."""
    before = connection.settings_dict["NAME"]
    if name != before:
        _open[before] = connection.connection
        connection.connection = _open.pop(name, None)
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
