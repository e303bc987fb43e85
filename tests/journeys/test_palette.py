"""The command palette by keyboard alone."""

import re

from playwright.sync_api import Page, expect

from orchestration.models import Entry
from tests.journeys.test_pages import open_live, results
from workspaces.models import Workspace


def test_the_palette_opens_over_any_page_and_gives_the_focus_back(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace)
    page.locator(".sections a:has-text('Money')").focus()
    page.keyboard.press("Control+k")
    palette, text = page.locator("#palette"), page.locator("#palette-text")
    expect(text).to_be_focused()
    expect(palette.locator("[role=option]").first).to_have_attribute("aria-selected", "true")
    assert results(page) == []
    page.keyboard.press("ArrowDown")
    expect(palette.locator("[role=option]").nth(1)).to_have_attribute("aria-selected", "true")
    expect(text).to_have_attribute("aria-activedescendant", "palette-1")
    page.keyboard.press("Tab")
    assert page.evaluate("!document.activeElement.closest('main, .side')")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(page.locator(".sections a:has-text('Money')")).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("#5")
    page.keyboard.press("Enter")  # before the answer is there: its result is meant
    page.wait_for_url(f"**/backlog/{Entry.objects.get(workspace=workspace, seq=5).pk}/")
    page.locator("#find-link").click()
    page.keyboard.type("pause dis")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_contain_text("Dispatch is paused")
    expect(page).to_have_url(re.compile("/backlog/entry_"))
    page.keyboard.press("c")
    page.wait_for_url("**/backlog/new/")
