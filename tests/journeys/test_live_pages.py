"""Pages that stay open while eight sessions print and cost: what they ask of the server, what they change, and where the focus stays."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.shop import Shop
from tests.faults.test_kills import QUICK
from tests.plugins.database import put_migrated

SESSIONS = 8
SECONDS = 15
MOST_CHANGED = 5000  # nodes a minute; clocks, phases, costs and last lines of eight sessions are among them
AGENT = [sys.executable, str(ROOT / "tests/journeys/talking_agent.py")]

OBSERVE = """() => { window.changed = 0; window.records = 0; window.began = performance.now();
  const size = (nodes) => [...nodes].reduce((n, node) => n + 1 + (node.getElementsByTagName?.('*').length || 0), 0);
  new MutationObserver((records) => { for (const r of records) { window.records++; window.changed += Math.max(1, size(r.addedNodes) + size(r.removedNodes)); } })
    .observe(document, {subtree: true, childList: true, attributes: true, characterData: true}); }"""

# When its requests began, in milliseconds, by the browser's own clock: the test hears of them late on a busy machine.
STARTS = (
    "performance.getEntriesByType('resource').map((r) => r.startTime).filter((at) => at >= window.began).sort((a, b) => a - b)"
)


@dataclass(frozen=True)
class Floor:
    """A running Muster with its sessions at work, and the browser of a person who may operate it."""

    shop: Shop
    context: BrowserContext
    home: str

    def tails(self) -> dict[str, str]:
        session = self.shop.call("GET", "/executor/workers")["workers"][0]["sessionID"]
        return {
            "overview": "",
            "entries": "backlog/",
            "executor": "settings/executor/",
            "session": f"sessions/{session}/",
            "budget": "money/",
        }


@pytest.fixture(scope="module")
def floor(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    folder = tmp_path_factory.mktemp("floor")
    put_migrated(folder / "data")
    running = Running(folder / "data", **QUICK, MUSTER_REPO_ROOTS=str(folder), MUSTER_SESSION_SLOTS=str(SESSIONS))
    try:
        until(running.is_ready, 60)
        shop = Shop(Client(running), folder / "work", agent={"command": AGENT}, max_workers=SESSIONS)
        for number in range(SESSIONS + 4):
            shop.add(f"Work {number}", spec={"files_to_create": [f"file{number}"]})
        until(lambda: len(shop.call("GET", "/executor/workers")["workers"]) == SESSIONS, 60, every=0.2)
        context = browser.new_context()
        page = context.new_page()
        page.goto(re.search(r"http://\S+", running.muster("login_link"))[0])  # type: ignore[index]
        page.close()
        workspace = shop.path.split("/")[2]
        yield Floor(shop, context, f"http://127.0.0.1:{running.port}/w/{workspace}/")
        context.close()
    finally:
        running.process.terminate()
        running.process.wait(30)


def open_at(floor: Floor, tail: str) -> Page:
    page = floor.context.new_page()
    page.goto(f"{floor.home}{tail}")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "live")
    return page


@pytest.mark.alone
def test_a_page_asks_at_most_once_a_second_and_changes_only_what_changed(floor: Floor) -> None:
    pages = {name: open_at(floor, tail) for name, tail in floor.tails().items()}
    pages["overview"].wait_for_timeout(2000)
    for page in pages.values():
        page.evaluate(OBSERVE)
    pages["overview"].wait_for_timeout(SECONDS * 1000)
    for name, page in pages.items():
        records, nodes = (page.evaluate(f"window.{what}") * 60 // SECONDS for what in ("records", "changed"))
        starts = page.evaluate(STARTS)
        assert len(starts) >= 3, name
        # Whole ones, from the first to the last: the first may have begun some milliseconds late.
        requests = int((len(starts) - 1) * 60_000 / (starts[-1] - starts[0]))
        print(f"{name}: {requests} requests, {records} mutation records, {nodes} nodes a minute")
        assert 10 <= requests <= 60, name
        assert nodes <= MOST_CHANGED, name
        page.close()


@pytest.mark.alone
def test_sixty_slow_tabs_reach_stop_all_and_the_rows_while_agents_work(floor: Floor) -> None:
    for tail, row in (("", "worker-"), ("backlog/", "row-")):
        page = open_at(floor, tail)
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            page.wait_for_timeout(250)
            reached.add(page.evaluate("(document.activeElement.closest('tr') || document.activeElement).id"))
        assert "stop-all" in reached and "" in reached, reached
        assert len({id_ for id_ in reached if id_.startswith(row)}) >= 3, reached
        page.close()


CONTROLS = (
    ("", "#stop-all"),
    ("", "#workers tbody tr:last-child a[id^=stop-]"),
    ("", "#workers tbody tr:last-child th a"),
    ("", "#cap-edit summary"),
    ("backlog/", "#entries tbody tr:last-child .tick"),
    ("backlog/", "#entries tbody tr:nth-child(4) a.title"),
    ("backlog/", "#bulk-priority"),
    ("sessions/", "#workers-q"),
)


@pytest.mark.alone
def test_the_focus_stays_for_ten_seconds_on_each_kind_of_control(floor: Floor) -> None:
    """A page for each, all at once: each has a focus of its own."""
    pages = [(control, open_at(floor, tail)) for tail, control in CONTROLS]
    for control, page in pages:
        page.locator(control).focus()
        page.evaluate(
            "window.focused = document.activeElement; window.left = 0; window.focused.addEventListener('blur', () => window.left++)"
        )
        with page.expect_response(lambda response: "live=" in response.url):
            pass
    pages[-1][1].wait_for_timeout(10_000)
    for control, page in pages:
        assert page.evaluate("window.focused.isConnected && document.activeElement === window.focused && !window.left"), control
        page.close()


def test_a_hidden_tab_asks_for_nothing_and_catches_up(floor: Floor) -> None:
    page = open_at(floor, "")
    asked: list[str] = []
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => !!window.away}); window.away = true")
    page.wait_for_timeout(1500)  # a request on its way arrives
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4000)
    assert asked == []
    with page.expect_response(lambda response: "live=" in response.url):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.close()
