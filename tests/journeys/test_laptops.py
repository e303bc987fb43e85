"""A window that is no big screen and no phone: header and strip keep to one line each, and no list is cut off."""

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.points import Site, looking, site, transactional_db

__all__ = ["site", "transactional_db"]


@pytest.mark.parametrize("width", [1440, 1280, 1024, 940, 768])
def test_header_and_strip_keep_to_a_line_each(browser: Browser, site: Site, width: int) -> None:
    context, page = looking(browser, site, viewport={"width": width, "height": 800})
    page.goto(site.home)
    page.evaluate("document.querySelector('.site-place a').textContent = 'Demo: a ledger in plain text'")
    page.evaluate("document.querySelectorAll('.sections a')[4].insertAdjacentHTML('beforeend', ' <span class=count>12</span>')")
    heights = "[...document.querySelectorAll('.top, .header')].map(one => one.offsetHeight)"
    calm = page.evaluate(heights)
    lines_of_header = 1 if width >= 980 else 2  # below, the sections have one of their own
    assert calm[0] <= 50 * lines_of_header and calm[1] <= 58, calm
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
