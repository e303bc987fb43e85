"""Leaves out what would only be the same again on the second database, for which `./muster test` loads it: what uses none, and, unless
MUSTER_TEST_WHOLE is set, what exercises no SQL of ours. A file of tests counts as SQL of ours where the module of the same name writes any,
asks for the vendor, or locks rows; one that is named after no module, where any of the package of its folder's name does.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from tests import sampling

ROOT = Path(__file__).resolve().parents[2]
OWN_SQL = re.compile(r"\.execute\(|\bvendor\b|sql_dialect|select_for_update|RawSQL|\.raw\(")
ALSO = ("tests/races", "tests/contract", "tests/budget", "tests/dashboard/insight", "tests/orchestration/approval")
"""Whole paths through the constraints and triggers, values that one database alone refuses, and sums by the database."""
DATABASE = {"db", "transactional_db", "django_db_setup", "live_server"}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if sampling.WHOLE or collection_path.is_dir() or not collection_path.is_relative_to(ROOT / "tests"):
        return None
    return None if has_own_sql(collection_path.relative_to(ROOT)) else True


def has_own_sql(tests: Path) -> bool:
    """`tests`: a file, from the repository's root."""
    if any(tests.is_relative_to(also) for also in ALSO):
        return True
    package = ROOT.joinpath(*tests.parts[1:-1])
    module = package / f"{tests.stem.removeprefix('test_')}.py"
    return _writes_sql(module) if module.exists() else package != ROOT and any(map(_writes_sql, package.glob("*.py")))


@cache
def _writes_sql(module: Path) -> bool:
    return bool(OWN_SQL.search(module.read_text()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    same = [item for item in items if not _uses_database(item)]
    if same:
        config.hook.pytest_deselected(items=same)
        items[:] = [item for item in items if _uses_database(item)]


def _uses_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or bool(DATABASE.intersection(getattr(item, "fixturenames", ())))
