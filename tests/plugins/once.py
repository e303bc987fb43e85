"""Leaves out what uses no database: `./muster test` loads it for the second database, where such a test would only be the same again."""

import pytest

DATABASE = {"db", "transactional_db", "django_db_setup", "live_server"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    same = [item for item in items if not _uses_database(item)]
    if same:
        config.hook.pytest_deselected(items=same)
        items[:] = [item for item in items if _uses_database(item)]


def _uses_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or bool(DATABASE.intersection(getattr(item, "fixturenames", ())))
