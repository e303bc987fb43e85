"""Acceptance points 1, 34, 38 and 39: what holds for every page of the map, at the full seed."""

import re
import time
from collections import defaultdict
from statistics import quantiles
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Browser

from tests.dashboard.seeds import entries as seed
from tests.journeys.points import Site, looking, site, transactional_db
from tests.journeys.test_pages import RULES, results
from tests.sampling import part

__all__ = ["site", "transactional_db"]
FIRST_VIEW, AGAIN = 100_000, 30_000  # bytes over the wire
MOST_REQUESTS, MOST_NODES = 12, 1_400
MOST_QUERIES = 14  # the board names what its cards wait for, the page of money what each model costs
OF_SNAPSHOT = ("PRAGMA", "BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "SET TRANSACTION")
"""Statements that open and end the snapshot of a page (workspaces/snapshot.py): they read no rows, and do not count as queries."""
LOGS = ("log", "worker")  # a thousand lines are a thousand elements and more: they have a bound of their own (test_logs.py)


def test_01_stop_all_is_in_sight_on_every_page_at_every_width(browser: Browser, site: Site) -> None:
    for width, height in ((1440, 900), (768, 1024), (360, 740)):
        context, page = looking(browser, site, viewport={"width": width, "height": height})
        for name, url in site.every().items():
            page.goto(url, wait_until="domcontentloaded")
            box = page.locator("#stop-all").bounding_box()
            assert box is not None, (name, width)
            assert box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, (
                name,
                box,
            )
            assert width > 360 or (box["width"] >= 44 and box["height"] >= 44), (name, box)
        context.close()


@pytest.mark.timeout(400)  # axe on every page, beside another file of journeys
@pytest.mark.parametrize("scheme", part(["light", "dark"], 1))
def test_34_every_page_is_accessible(browser: Browser, site: Site, scheme: str) -> None:
    context, page = looking(browser, site, color_scheme=scheme)
    problems = {}
    for name, url in (site.every() | site.elsewhere()).items():
        page.goto(url)
        page.wait_for_timeout(250)
        if here := [
            f"{target['id']}: {target['nodes'][0]['target']}" for target in Axe().run(page, options=RULES).response["violations"]
        ]:
            problems[name] = here
    page.goto(site.home)
    page.click("#stop-all")
    page.wait_for_timeout(500)
    problems |= {"armed": here} if (here := results(page)) else {}
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    problems |= {"dialog": here} if (here := results(page)) else {}
    context.close()
    assert problems == {}


def test_38_no_page_is_wider_than_a_small_phone_or_at_twice_the_size(browser: Browser, site: Site) -> None:
    """320 CSS pixels equal 640 at 200 %."""
    context, page = looking(browser, site, viewport={"width": 320, "height": 640})
    wide = {}
    for name, url in (site.every() | site.elsewhere()).items():
        page.goto(url)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 320:
            wide[name] = width
        tables = page.evaluate(
            "[...document.querySelectorAll('main table.cards-on-phone thead')].every((t) => t.getBoundingClientRect().width <= 2)"
        )
        assert tables, name
    context.close()
    assert wide == {}


def test_39_every_page_is_light_on_the_wire_and_in_the_browser(browser: Browser, site: Site) -> None:
    heavy: dict[str, Any] = {}
    for name, url in site.every().items():
        context, page = looking(browser, site)
        complaints: list[str] = []
        page.on(
            "console", lambda message, recorded=complaints: recorded.append(message.text) if message.type == "error" else None
        )
        sizes = _count_requests(page)
        response = page.goto(url)
        assert response is not None and response.status == 200, name
        policy = response.headers["content-security-policy"]
        assert "unsafe-inline" not in policy and "unsafe-eval" not in policy
        page.wait_for_timeout(600)
        first, nodes = dict(sizes), page.evaluate("document.querySelectorAll('*').length")
        sizes.clear()
        page.goto(url)
        page.wait_for_timeout(400)
        again = dict(sizes)
        context.close()
        print(
            f"{name:14} {len(first):3} requests {sum(first.values()) / 1000:6.1f} KB, again {sum(again.values()) / 1000:5.1f} KB, {nodes:5} nodes"
        )
        assert complaints == [], (name, complaints)
        if sum(first.values()) > FIRST_VIEW or len(first) > MOST_REQUESTS or sum(again.values()) > AGAIN:
            heavy[name] = (len(first), sum(first.values()), sum(again.values()))
        if nodes > MOST_NODES and name not in LOGS:
            heavy[f"{name} nodes"] = nodes
    assert heavy == {}


def _count_requests(page: Any) -> dict[str, int]:
    """Transferred bytes by URL, as the browser's protocol reports them, headers included. The stream is not counted:
    it never ends."""
    sizes: dict[str, int] = defaultdict(int)
    names: dict[str, str] = {}
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    client.on("Network.requestWillBeSent", lambda event: names.update({event["requestId"]: event["request"]["url"]}))

    def came(event: dict[str, Any]) -> None:
        url = names.get(event["requestId"], "")
        if "/events/" not in url and not url.startswith("data:"):
            sizes[url] += int(event["encodedDataLength"])

    client.on("Network.loadingFinished", came)
    return sizes


def test_39_every_page_asks_few_queries_and_answers_quickly(site: Site) -> None:
    client = Client()
    client.force_login(seed.user("ana"))
    slow: dict[str, Any] = {}
    for name, url in site.every().items():
        path = "/" + url.split("/", 3)[3]
        took, confirmation = [], 0
        for _ in range(8):
            began = time.perf_counter()
            with CaptureQueriesContext(connection) as seen:
                response = client.get(path)
            took.append((time.perf_counter() - began) * 1000)
            confirmation = sum(not statement["sql"].startswith(OF_SNAPSHOT) for statement in seen)
        size = len(re.findall(rb"<[a-z]", response.content))
        p95 = quantiles(took, n=20)[-1]
        print(f"{name:14} {confirmation:3} queries, median {sorted(took)[4]:5.0f} ms, p95 {p95:5.0f} ms, {size} elements")
        if confirmation > MOST_QUERIES:
            slow[name] = confirmation
    assert slow == {}
