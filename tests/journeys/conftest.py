"""A real browser (Debian's chromium, without its windows where that is installed) on the real application; and for whole journeys a whole Muster, as the fault tests have it."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.dashboard.committed import transactional_db
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.server import collected, serving
from tests.faults.conftest import data, start
from tests.patience import PATIENCE
from workspaces.models import Workspace

__all__ = ["data", "start", "transactional_db"]

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # playwright's loop runs in the thread of the test, beside its ORM calls


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    programs = map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))  # the first takes half the CPU
    chromium = next(filter(None, programs), None)
    if chromium is None:
        pytest.skip("chromium is not installed")
    expect.set_options(timeout=15_000 * PATIENCE)  # for a busy machine: what is meant is waited for
    with sync_playwright() as playwright:
        matches = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        matches.on("context", lambda context: context.set_default_timeout(30_000 * PATIENCE))
        yield matches
        matches.close()


@pytest.fixture(scope="package", autouse=True)
def _static_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Static files as in production: bytes and requests are measured."""
    with collected(tmp_path_factory.mktemp("static")):
        yield


@pytest.fixture(autouse=True)
def _unhurried(settings: Any) -> None:
    """The seed's one tick of the executor stays fresh for as long as a journey lasts."""
    settings.TICK_S = 600


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    return seed.busy()


@pytest.fixture
def address(transactional_db: None) -> Iterator[str]:
    with serving() as matches:
        yield matches


def logged_in(browser: Browser, address: str, **options: object) -> BrowserContext:
    from django.test import Client

    client = Client()
    client.force_login(seed.user("ana"))
    context = browser.new_context(**options)  # type: ignore[arg-type]
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
    return context


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Whatever the console complains of fails the test: the content security policy speaks there."""
    context = logged_in(browser, address)
    page = context.new_page()
    complaints: list[str] = []

    def collect(message: ConsoleMessage) -> None:
        # A refusal that a test wants is noted by the browser as well: it is not a complaint of the page.
        if message.type in ("error", "warning") and "the server responded with a status of 409" not in message.text:
            complaints.append(message.text)

    page.on("console", collect)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def troubled_page(browser: Browser, address: str) -> Iterator[Page]:
    """For tests that break the network on purpose: the browser itself complains of that in its console."""
    context = logged_in(browser, address)
    yield context.new_page()
    context.close()
