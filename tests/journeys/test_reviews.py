"""A review in a browser, from its draft to its print; and a channel that truly sends."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from budget.models import Account, Review
from orchestration.models import Entry
from tests.dashboard.seeds import entries as seed
from tests.factories import a_charge
from tests.journeys.test_pages import RULES
from tests.workspaces.notices.receiver import Receiver, receiving
from workspaces.models import Workspace


def page_of(browser: Browser, address: str, name: str, workspace: Workspace, role: str = "budget", **options: Any) -> Page:
    """A page of someone's own browser, in which no script is needed."""
    client = Client()
    client.force_login(seed.user(name, role=role, workspace=workspace))
    context = browser.new_context(java_script_enabled=False, **options)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
    return context.new_page()


def begun(page: Page, address: str, workspace: Workspace) -> None:
    page.goto(f"{address}/w/{workspace.pk}/money/reviews/")
    page.fill("#new-title", "Budget of November")
    page.click("text=Freeze figures and start")
    expect(page.locator("h1")).to_have_text("Review #1: Budget of November")


def proposed(page: Page, entry: Entry, amount: str) -> None:
    page.select_option("#p-target", entry.pk)
    page.fill("#p-amount", amount)
    page.fill("#p-reason", "It is harder than planned")
    page.click("#propose button")
    expect(page.locator("#result")).to_contain_text("The proposal is added")


def printed(page: Page, folder: Path) -> list[str]:
    """The text of each page of its print, which is left in the folder to be looked at."""
    paper = page.pdf(path=folder / "review.pdf", prefer_css_page_size=True)
    return [normalize("NFKC", target.extract_text()) for target in PdfReader(io.BytesIO(paper)).pages]  # without ligatures


def test_a_review_from_draft_to_print_without_script(
    browser: Browser, address: str, workspace: Workspace, tmp_path: Path
) -> None:
    entry = Entry.objects.get(workspace=workspace, seq=5)
    ana, bea = page_of(browser, address, "anton", workspace), page_of(browser, address, "bea", workspace, color_scheme="dark")
    begun(ana, address, workspace)
    proposed(ana, entry, "7.50")
    ana.click("button:text-is('Request approval')")
    expect(ana.locator(".outcome")).to_have_text("anton proposes 1 change. 1 more approval will apply them.")
    assert ana.locator("#decide").count() == 0
    expect(ana.locator("#decisions-h").locator("xpath=../..")).to_contain_text("You cannot decide on your own review")

    bea.goto(ana.url)
    bea.click(f"#line-{entry.pk} a[href*='#comment']")
    bea.fill("#c-text", "Is it worth that?")
    bea.click("#comment button")
    expect(bea.locator("#comments-h").locator("xpath=../..")).to_contain_text("Is it worth that?")
    bea.check("#decide input[value=approve]")
    bea.fill("#d-note", "Fine by me")
    bea.click("#decide button")
    expect(bea.locator(".outcome")).to_have_text("Approved by bea: 1 change was applied.")
    assert Account.objects.get(pk=entry.pk).budget == 7_500_000 and Review.objects.get().state == "approved"
    a_charge(entry, "0.25")
    bea.goto(bea.url.split("#")[0])
    expect(bea.locator(".moved")).to_contain_text("Figures have changed since: spend is")

    pages = printed(bea, tmp_path)
    text = "\n".join(pages)
    for shown in (
        "Review #1: Budget of November",
        "$7.50",
        "Fine by me",
        "Is it worth that?",
        "Signature",
        f"/w/{workspace.pk}/money/reviews/",
    ):
        assert shown in text, shown
    for control in ("Decide\n", "Log out", "Print view", "Stop all", "Theme", "CSV of"):
        assert control not in text, control
    for number, target in enumerate(pages, start=1):
        assert (
            f"Page {number} of {len(pages)}" in target
            and "generated" in target
            and "by bea" in target
            and "All entries" in target
        )


def test_a_long_review_repeats_its_table_head_on_every_page(
    browser: Browser, address: str, workspace: Workspace, tmp_path: Path
) -> None:
    seed.plenty(workspace, 90)
    page = page_of(browser, address, "anton", workspace)
    begun(page, address, workspace)
    page.goto(page.url.split("?")[0] + "?print=1&only=")
    pages = printed(page, tmp_path)
    with_lines = [target for target in pages if target.count("of many") > 2]
    assert len(with_lines) > 2 and all("Planned" in target and "Against plan" in target for target in with_lines)


def test_changes_are_requested_made_and_decided_again(browser: Browser, address: str, workspace: Workspace) -> None:
    entry = Entry.objects.get(workspace=workspace, seq=5)
    ana, bea = page_of(browser, address, "anton", workspace), page_of(browser, address, "bea", workspace)
    begun(ana, address, workspace)
    proposed(ana, entry, "9")
    ana.click("button:text-is('Request approval')")
    bea.goto(ana.url)
    bea.check("#decide input[value=request_changes]")
    bea.fill("#d-note", "Too much")
    bea.click("#decide button")
    ana.reload()
    expect(ana.locator(".outcome")).to_contain_text("bea asks for changes. anton may change it and request approval again.")
    proposed(ana, entry, "6")
    ana.click("button:text-is('Request approval')")
    bea.goto(ana.url)
    expect(bea.locator("legend")).to_have_text("Your decision on version 2")


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW = "127.0.0.1"
    with receiving() as matches:
        yield matches


def test_a_channel_is_made_and_its_test_truly_arrives(
    browser: Browser, address: str, workspace: Workspace, receiver: Receiver, tmp_path: Path
) -> None:
    page = page_of(browser, address, "otto", workspace, "admin")
    page.goto(f"{address}/w/{workspace.pk}/settings/notices/")
    page.fill("#name-of-new", "Ops")
    page.fill("#target-of-new", receiver.url)
    page.check("#new-channel input[value='entry.blocked']")
    page.click("text=Add channel")
    secret = page.locator("#secret code").inner_text()
    page.click("text=Send a test")
    expect(page.locator("#result")).to_contain_text("Test of Ops: delivered (status 200")
    assert receiver.verified(secret)[0]["type"] == "muster.test" and secret not in page.content()
    receiver.status = 500
    page.click("text=Send a test")
    expect(page.locator("#result")).to_contain_text("not delivered (status 500")
    assert page.locator("tr[id^=delivery-]").count() == 2
    page.screenshot(path=tmp_path / "notices.png", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (360, "light")])  # each width and each scheme once
def test_the_review_pages_are_accessible(
    browser: Browser, address: str, workspace: Workspace, receiver: Receiver, scheme: str, width: int, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    quiet = page_of(browser, address, "anton", workspace, "admin")
    begun(quiet, address, workspace)
    proposed(quiet, Entry.objects.get(workspace=workspace, seq=5), "7.50")
    review, home = quiet.url.split("?")[0].split("#")[0], f"{address}/w/{workspace.pk}"
    client = Client()
    client.force_login(User.objects.get(username="anton"))
    context = browser.new_context(**options)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
    page = context.new_page()
    for name, url in (
        ("list", f"{home}/money/reviews/"),
        ("review", review),
        ("print", f"{review}?print=1"),
        ("notices", f"{home}/settings/notices/"),
    ):
        page.goto(url)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} px too wide"
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        matches = Axe().run(page, options=RULES if name != "print" else {"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
        assert matches == [], [(target["id"], target["nodes"][0]["html"]) for target in matches]
    context.close()
