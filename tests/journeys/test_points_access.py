"""Acceptance points 35 to 37: the keyboard, announcements, and pages without colour or motion."""

import re

from playwright.sync_api import Browser, Page, expect

from orchestration.executor import control
from orchestration.messaging import wake_ups
from orchestration.models import Entry
from tests.dashboard.seeds import entries as seed
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import open_live
from workspaces.models import Workspace

FOCUS_IS_SEEN = """() => { const el = document.activeElement; if (!el || el === document.body) return 'nothing';
  const box = el.getBoundingClientRect(), strip = document.querySelector('.header')?.getBoundingClientRect();
  const outlined = getComputedStyle(el).outlineStyle !== 'none';
  const hidden = strip && !el.closest('.header') && box.right > strip.left && box.top < strip.bottom - 1 && box.bottom > strip.top && box.bottom <= strip.bottom + 1 && strip.top < 200 && box.top > strip.top;
  return !outlined ? 'no outline: ' + el.outerHTML.slice(0, 120) : hidden ? 'under the strip: ' + el.outerHTML.slice(0, 120) : ''; }"""


def test_35_everything_is_reached_by_keyboard_and_the_focus_is_seen(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace)
    seen = set()
    for _ in range(70):
        page.keyboard.press("Tab")
        problem = page.evaluate(FOCUS_IS_SEEN)
        assert problem in ("", "nothing"), problem
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 40)"))
    assert {"stop-all", "act-pause", "Overview", "All activity"} <= seen
    page.keyboard.press("Alt+Shift+S")
    assert page.evaluate("document.activeElement.id") == "stop-all"
    page.locator("h1").first.evaluate("document.activeElement.blur()")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/backlog/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("g")  # typed, not a shortcut
    expect(page.locator("#q")).to_have_value("g")


def test_35_typing_through_ten_swaps_loses_nothing(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace, "settings/activity/")
    field = page.locator("#a-actor")
    field.click()
    for letter in "ana maria b":
        page.keyboard.press(letter if letter != " " else "Space")
        wake_ups.publish_change(workspace.pk, "entries", "workers")
        page.wait_for_timeout(650)
    expect(field).to_have_value("ana maria b")
    expect(field).to_be_focused()
    assert page.evaluate("document.activeElement.selectionStart") == 11


def test_36_announcements_come_once_and_not_too_often(page: Page, address: str, workspace: Workspace) -> None:
    page.add_init_script(
        """window.said = []; document.addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
        const words = document.getElementById('announcer').textContent; if (words) window.said.push(words); })
        .observe(document.getElementById('announcer'), {childList: true, characterData: true, subtree: true}));"""
    )
    open_live(page, address, workspace)
    page.wait_for_timeout(500)
    control.pause(workspace.pk, by=seed.ANA)
    expect(page.locator("#announcer")).to_contain_text("Executor: Pausing")
    page.wait_for_timeout(1000)
    assert [words for words in page.evaluate("window.said") if "Pausing" in words] == ["Executor: Pausing"]
    page.evaluate("window.said = []")
    for number in range(24):  # a busy quarter of a minute
        (control.resume if number % 2 == 0 else control.pause)(workspace.pk, by=seed.ANA)
        page.wait_for_timeout(600)
    assert len(page.evaluate("window.said")) <= 4  # twelve a minute
    assert page.locator("table [aria-live], table [role=status]").count() == 0


def test_37_every_status_is_readable_without_colour_and_motion(browser: Browser, address: str, workspace: Workspace) -> None:
    context = logged_in(browser, address, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/styleguide/")
    badges = page.evaluate(
        "[...document.querySelectorAll('#sg-status ~ ul .badge')].map((b) => [b.querySelector('use').getAttribute('href').split('#')[1], b.textContent.trim()])"
    )
    assert len(badges) >= 25 and all(icon and word for icon, word in badges)
    assert len({word for _, word in badges}) >= len(badges) - 2
    for target, other in (("Paused", "Failed"), ("Running", "Blocked")):  # which colour blindness takes for one another
        icons = {word: icon for icon, word in badges}
        assert icons[target] != icons[other]
    page.goto(f"{address}/w/{workspace.pk}/")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "live")
    wake_ups.publish_change(workspace.pk, "entries", "workers", "budget")
    page.wait_for_timeout(600)
    assert page.evaluate("document.getAnimations().length") == 0
    entry = Entry.objects.get(workspace=workspace, seq=5)
    page.goto(f"{address}/w/{workspace.pk}/backlog/{entry.pk}/")
    assert re.search(r"Waiting|Parked|Ready|Blocked", page.inner_text("main .badge >> nth=0"))
    context.close()
