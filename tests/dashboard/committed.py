"""`transactional_db` for tests with a server process: data is committed, and deleted afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from tests.plugins import database


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
        database.wipe()
        connection.close()
