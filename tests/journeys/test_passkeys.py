"""A passkey in a real browser, with an authenticator that the browser itself plays."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.factories import a_workspace
from workspaces.access import MUSTER
from workspaces.models import Passkey, Role
from workspaces.people import members

PASSWORD = "a long enough one"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def bea(transactional_db: None) -> User:
    person = User.objects.create_user("bea", password=PASSWORD)
    members.add(a_workspace(), person, Role.VIEWER, by=MUSTER)
    return person


@pytest.fixture
def window(browser: Browser, address: str, bea: User) -> Iterator[Page]:
    """At the name of this machine: browsers give no passkeys to its number."""
    context = browser.new_context(base_url=address.replace("127.0.0.1", "localhost"))
    window = context.new_page()
    complaints: list[str] = []

    def collect(message: ConsoleMessage) -> None:
        """But for refusals that the test means to get."""
        if message.type in ("error", "warning") and "responded with a status of 40" not in message.text:
            complaints.append(message.text)

    window.on("console", collect)
    window.on("pageerror", lambda error: complaints.append(str(error)))
    tools = context.new_cdp_session(window)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    yield window
    context.close()
    assert complaints == []


def picture(window: Page, name: str) -> None:
    """Where MUSTER_TEST_PICTURES names a folder: the page as people see it."""
    if folder := os.environ.get("MUSTER_TEST_PICTURES"):
        for scheme in ("light", "dark"):
            for width in (1440, 390):
                window.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                window.set_viewport_size({"width": width, "height": 900})
                window.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)


def type_password(window: Page) -> None:
    window.goto("/login/")
    window.get_by_label("User name").fill("bea")
    window.get_by_label("Password").fill(PASSWORD)
    window.get_by_role("button", name="Log in", exact=True).click()


def log_out(window: Page) -> None:
    window.context.clear_cookies()


def test_a_person_adds_one_logs_in_with_it_and_removes_it(window: Page) -> None:
    type_password(window)
    expect(window.get_by_role("heading", level=1)).to_be_visible()
    window.goto("/account/second-factor/")
    picture(window, "empty")
    window.get_by_label("Name").fill("Laptop")
    window.get_by_label("Your password").fill("wrong")
    window.keyboard.press("Enter")
    expect(window.get_by_text("The password is wrong")).to_be_visible()
    window.get_by_label("Your password").fill(PASSWORD)
    window.keyboard.press("Enter")
    expect(window.get_by_text("Your recovery codes")).to_be_visible()
    expect(window.get_by_role("row", name="Laptop")).to_contain_text("never")
    picture(window, "added")

    log_out(window)
    window.goto("/login/")
    picture(window, "login")
    window.get_by_role("button", name="Log in with a passkey").press("Enter")
    expect(window.get_by_text("bea", exact=True)).to_be_visible()

    log_out(window)
    type_password(window)
    expect(window.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    picture(window, "step")
    window.get_by_role("button", name="Use a passkey").click()
    expect(window.get_by_text("bea", exact=True)).to_be_visible()
    assert Passkey.objects.get().sign_count > 1

    window.goto("/account/second-factor/")
    window.get_by_role("button", name="Remove… Laptop").click()
    expect(window.get_by_role("heading", name="Remove Laptop?")).to_be_visible()
    picture(window, "remove")
    window.get_by_role("button", name="Use a passkey to remove it").click()
    expect(window.get_by_text("Laptop is removed")).to_be_visible()
    assert not Passkey.objects.exists()
