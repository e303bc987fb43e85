"""Rules for every test: `slow` by folder, databases copied from a template, and a fast password hasher."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import settings as hypothesis_settings

from orchestration.models import Session
from tests.factories import a_session, a_workspace, an_entry
from tests.patience import PATIENCE
from tests.plugins import database, namespaces, stages
from workspaces.models import Workspace
from workspaces.secrets import masking

SLOW = ("faults", "journeys", "agents", "hosts", "forges")  # each run by `./muster test --NAME`

# A deadline measures the machine and its neighbours; pytest-timeout ends what hangs. The examples of a run are not kept.
hypothesis_settings.register_profile("muster", deadline=None, database=None)
hypothesis_settings.load_profile("muster")


# Pages name static files as they are, and nothing is collected (tests/config/test_static_files.py collects them).
settings.STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        database.prepare()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = tuple(f"{Path(__file__).parent / folder}{os.sep}" for folder in SLOW)
    for item in items:
        if str(item.path).startswith(slow):
            item.add_marker(pytest.mark.slow)
            limit = item.get_closest_marker("timeout")
            seconds = limit.args[0] if limit else float(item.config.getini("timeout"))
            item.add_marker(pytest.mark.timeout(seconds * PATIENCE), append=False)


def pytest_collection_finish() -> None:
    """Keep all that is loaded by now: looking through it again and again for garbage was a tenth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_namespaces") and namespaces.missing():
        pytest.skip(f"no namespaces: {namespaces.missing()}")


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """On SQLite a file, not memory: locks, WAL and several processes behave as in production."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    TransactionTestCase._fixture_teardown = lambda test: database.wipe()  # type: ignore[method-assign]
    with django_db_blocker.unblock():
        database.make()
        # Django asks SQLite once a process: else a test that counts statements fails where it happens to be the first.
        assert connections["default"].features.supports_json_field
    yield
    with django_db_blocker.unblock():
        stages.close()
        connections.close_all()


@pytest.fixture
def stage() -> stages.Make | None:
    """The stage that the test's transaction begins on (tests/plugins/stages.py). A folder or file overrides it."""
    return None


@pytest.fixture
def _on_stage(stage: stages.Make | None, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    if stage is None:
        yield
        return
    with django_db_blocker.unblock(), stages.on(stage):
        yield


@pytest.fixture
def _django_db_helper(_on_stage: None, _django_db_helper: None) -> None:
    """pytest-django's, which begins the test's transaction: after its database is chosen."""


@pytest.fixture(autouse=True)
def _nothing_of_other_tests() -> None:
    """Each test begins without the secrets that others used in this process, and without the request or session of another."""
    masking.forget()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def shop(db: None, request: pytest.FixtureRequest) -> Workspace:
    """A workspace with $100. `pytest.mark.shop(max_workers=9)` passes its values to `a_workspace`."""
    return _marked(request)


@pytest.fixture
def workspace(db: None, request: pytest.FixtureRequest) -> Workspace:
    """The same, where `shop` is its API."""
    return _marked(request)


def _marked(request: pytest.FixtureRequest) -> Workspace:
    mark = request.node.get_closest_marker("shop")
    return a_workspace(**mark.kwargs if mark else {})


@pytest.fixture
def session(shop: Workspace) -> Session:
    return a_session(an_entry(shop))
