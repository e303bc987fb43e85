"""What holds for every test: `slow` by folder, and SQLite in a real file."""

import os
from pathlib import Path

import pytest
from django.conf import settings

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
