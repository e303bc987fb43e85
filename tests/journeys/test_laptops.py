"""A window that is no big screen and no phone: the strip keeps to one line, and no list is cut off."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.points import Site, looking, site, transactional_db

__all__ = ["site", "transactional_db"]


@pytest.mark.parametrize("width", [1440, 1280, 1024, 940, 768])
def test_the_strip_keeps_to_a_line_and_the_places_to_the_left_or_above(browser: Browser, site: Site, width: int) -> None:
    context, page = looking(browser, site, viewport={"width": width, "height": 800})
    page.goto(site.home)
    page.evaluate("document.querySelector('.site-place span').textContent = 'Demo: a ledger in plain text'")
    page.evaluate(
        "document.querySelectorAll('.places > li > a')[3].insertAdjacentHTML('beforeend', ' <span class=count>12</span>')"
    )
    heights = "[...document.querySelectorAll('.header')].map(one => one.offsetHeight)"
    calm, side = page.evaluate(heights), page.locator(".side").bounding_box()
    assert calm[0] <= 58, calm
    assert side and (side["width"] <= 220 if width >= 1024 else side["height"] <= 100), side
    page.click("#stop-all")
    expect(page.locator("#stop-all-now")).to_be_focused()
    assert width < 940 or page.evaluate(heights) == calm, "armed, nothing moves"
    context.close()


def test_lists_are_seen_whole_on_a_laptop(browser: Browser, site: Site) -> None:
    context, page = looking(browser, site, viewport={"width": 1280, "height": 800})
    cut = {}
    for name in ("overview", "workers", "entries", "locks", "by entry", "ledger", "activity"):
        page.goto(site.every()[name])
        beyond = page.evaluate(
            "Math.max(...[...document.querySelectorAll('.scroll')].map(one => one.scrollWidth - one.clientWidth))"
        )
        cut |= {name: beyond} if beyond > 0 else {}
    context.close()
    assert cut == {}
