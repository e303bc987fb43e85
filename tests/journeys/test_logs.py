"""A log in a browser: it tails, keeps its place, is led to by line, and stays light however much is written."""

import re
import threading
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from playwright.sync_api import Browser, Page, expect

from orchestration import sessions
from orchestration.messaging import wake_ups
from orchestration.models import LogChunk, Session
from tests.dashboard.seeds import entries as seed
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import RULES, open_live
from tests.patience import PATIENCE
from workspaces.models import Workspace

END = "(() => { const l = document.getElementById('log-lines'); return l.scrollHeight - l.scrollTop - l.clientHeight < 40 })()"
TOP = "document.getElementById('log-lines').scrollTop"
LINES = "document.querySelectorAll('#log-lines .line').length"


@pytest.fixture
def session(workspace: Workspace) -> Session:
    LogChunk.objects.filter(session__workspace=workspace).delete()
    return Session.objects.filter(workspace=workspace, status="running").order_by("entry__seq")[0]


def write(session: Session, first: int, last: int) -> None:
    for start in range(first, last + 1, 100):
        end = min(start + 100, last + 1)
        lines = [[int(time.time() * 1000), "stdout", f"\x1b[32mline\x1b[0m {seq} of the output"] for seq in range(start, end)]
        LogChunk.objects.create(session=session, first_seq=start, lines=lines, size=30 * len(lines))
    wake_ups.publish_change(session.workspace_id, wake_ups.log_topic(session.pk))


def numbers(page: Page) -> list[int]:
    items: list[int] = page.evaluate("[...document.querySelectorAll('#log-lines .line')].map((l) => Number(l.id.slice(1)))")
    return items


def test_a_running_log_shows_a_thousand_lines_and_tails(page: Page, address: str, workspace: Workspace, session: Session) -> None:
    write(session, 1, 3000)
    open_live(page, address, workspace, f"sessions/{session.pk}/log/")
    assert numbers(page) == list(range(2001, 3001)) and page.evaluate(END)
    write(session, 3001, 3050)
    expect(page.locator("#L3050")).to_be_attached()
    assert page.evaluate(END)
    page.locator("#log-lines").hover()
    page.mouse.wheel(0, -900)
    expect(page.locator("#follow")).not_to_be_checked()  # else the next lines take the log back to its end, away from the link
    page.locator("#log-earlier a").click()
    expect(page.locator("#L1001")).to_be_attached()
    assert numbers(page)[0] == 1001 and len(numbers(page)) <= 2000


def test_a_line_is_led_to_wherever_it_stands(page: Page, address: str, workspace: Workspace, session: Session) -> None:
    write(session, 1, 5000)
    open_live(page, address, workspace, f"sessions/{session.pk}/log/#L1204")
    expect(page.locator("#L1204.picked")).to_be_in_viewport()
    assert page.locator("#L1204").evaluate("(l) => getComputedStyle(l).backgroundColor") == "rgb(255, 233, 168)"
    page.evaluate("location.hash = '#L4990-L4993'")
    expect(page.locator(".picked")).to_have_count(4)
    expect(page.locator("#L4990")).to_be_in_viewport()
    page.locator("#L4991 > a").click()
    expect(page.locator(".picked")).to_have_count(1)
    page.locator("#L4995 > a").click(modifiers=["Shift"])
    expect(page.locator(".picked")).to_have_count(5)
    assert page.url.endswith("#L4991-L4995")


def test_reading_is_not_moved_by_what_is_written(page: Page, address: str, workspace: Workspace, session: Session) -> None:
    write(session, 1, 600)
    open_live(page, address, workspace, f"sessions/{session.pk}/log/")
    page.locator("#log-lines").hover()
    page.mouse.wheel(0, -900)
    expect(page.locator("#follow")).not_to_be_checked()
    page.wait_for_timeout(200)
    stood = page.evaluate(TOP)
    write(session, 601, 800)
    expect(page.locator("#log-pill")).to_have_text("▼ 200 new lines")
    assert page.evaluate(TOP) == stood
    page.evaluate("document.getElementById('log-lines').scrollTop = 1e9")
    expect(page.locator("#follow")).to_be_checked()
    expect(page.locator("#log-pill")).to_be_hidden()
    write(session, 801, 810)
    expect(page.locator("#L810")).to_be_in_viewport()


def test_selecting_or_clicking_lets_go_and_f_takes_up_again(
    page: Page, address: str, workspace: Workspace, session: Session
) -> None:
    write(session, 1, 300)
    open_live(page, address, workspace, f"sessions/{session.pk}/log/")
    page.locator("#L299 .text").click()
    expect(page.locator("#follow")).not_to_be_checked()
    page.evaluate("document.dispatchEvent(new Event('muster:follow'))")
    expect(page.locator("#follow")).to_be_checked()
    page.locator("#L299 .text").dblclick()
    page.evaluate(
        "document.getElementById('follow').checked || getSelection().selectAllChildren(document.getElementById('L298'))"
    )
    expect(page.locator("#follow")).not_to_be_checked()
    page.locator("#log-pill").evaluate("(pill) => pill.click()")
    expect(page.locator("#follow")).to_be_checked()


def test_the_whole_log_is_searched(page: Page, address: str, workspace: Workspace, session: Session) -> None:
    write(session, 1, 4000)
    open_live(page, address, workspace, f"sessions/{session.pk}/log/")
    page.fill("#log-q", "line 77 of")
    page.press("#log-q", "Enter")
    expect(page.locator("#log-matches")).to_have_text("1 of 1")
    expect(page.locator("#L77")).to_be_in_viewport()
    page.fill("#log-q", "999 of")
    page.press("#log-q", "Enter")
    expect(page.locator("#log-matches")).to_contain_text("of 4")
    before = page.locator("#log-matches").inner_text()
    page.click("#log-steps button:has-text('Next')")
    expect(page.locator("#log-matches")).not_to_have_text(before)
    assert "q=999" in page.url
    page.wait_for_function("() => CSS.highlights.size === 1")  # painted after the lines have come


def test_a_lost_connection_leaves_no_gap_and_doubles_nothing(
    page: Page, address: str, workspace: Workspace, session: Session
) -> None:
    write(session, 1, 100)
    open_live(page, address, workspace, f"sessions/{session.pk}/log/")
    page.route(re.compile(r"/log/.*[?&]live="), lambda route: route.fulfill(status=204))  # an answer without lines
    write(session, 101, 300)
    page.wait_for_timeout(2500)
    page.unroute(re.compile(r"/log/.*[?&]live="))
    write(session, 301, 320)
    expect(page.locator("#L320")).to_be_attached()
    assert numbers(page) == list(range(1, 321))


@pytest.mark.alone
def test_two_hundred_lines_a_second_leave_the_page_quick(
    page: Page, address: str, workspace: Workspace, session: Session
) -> None:
    """30 seconds of it: no long task over 100 ms, at most 2,000 lines, and a click is answered within 200 ms."""
    write(session, 1, 1900)
    page.add_init_script(
        "window.tasks = []; new PerformanceObserver((l) => l.getEntries().forEach((e) => tasks.push(e.duration)))"
        ".observe({type: 'longtask', buffered: true})"
    )
    open_live(page, address, workspace, f"sessions/{session.pk}/log/")
    page.evaluate("window.tasks.length = 0")
    stop = threading.Event()
    writer = threading.Thread(target=_pour, args=[session, 1901, stop], daemon=True)
    writer.start()
    clicks: list[float] = []
    alone = min(page.evaluate(WORK) for _ in range(20))
    slower = 1.0  # than this machine is when nothing else runs on it: a task is long as well when it waits for a processor
    for _ in range(15):
        page.wait_for_timeout(2000)
        slower = max(slower, page.evaluate(WORK) / alone)
        clicks.append(page.evaluate(ANSWER))
        assert page.evaluate(LINES) <= 2000
    stop.set()
    writer.join()
    last = max(chunk.first_seq + len(chunk.lines) - 1 for chunk in LogChunk.objects.filter(session=session))
    assert last > 6000
    expect(page.locator(f"#L{last}")).to_be_attached(timeout=20_000 * PATIENCE)  # by one of the polls that follow
    shown = numbers(page)
    assert shown == list(range(shown[0], last + 1))
    assert max(page.evaluate("window.tasks"), default=0) <= 100 * slower
    assert max(clicks) < 200 * slower, clicks


# A fixed piece of work, in milliseconds: by it one knows how busy the machine is.
WORK = "() => { const began = performance.now(); let sum = 0; for (let n = 0; n < 4e6; n++) sum += n % 7; return performance.now() - began + sum * 0; }"


# How long it is from a click to the frame that shows its answer.
ANSWER = """() => new Promise((done) => {
  const began = performance.now(), wrap = document.getElementById('log-wrap');
  wrap.click();
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
})"""


def _pour(session: Session, first: int, stop: threading.Event) -> None:
    """200 lines a second, as a worker writes them: twice a second."""
    due = time.monotonic()
    while not stop.is_set():
        write(session, first, first + 99)
        first += 100
        due += 0.5
        time.sleep(max(0, due - time.monotonic()))
    connections.close_all()


def test_everything_of_a_log_can_be_reached_without_script(
    browser: Browser, address: str, workspace: Workspace, session: Session
) -> None:
    write(session, 1, 2500)
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/w/{workspace.pk}/sessions/{session.pk}/log/")
    page.click("text=Load 1,000 earlier")
    expect(page.locator("#L501")).to_be_attached()
    page.click("text=Load 1,000 later")
    expect(page.locator("#L2500")).to_be_attached()
    page.fill("#log-q", "line 77 of")
    page.press("#log-q", "Enter")
    expect(page.locator("#L77 mark")).to_have_text("line 77 of")
    page.select_option("#log-level", "error")
    page.click("#log-show")
    expect(page.locator("#log-more")).to_have_text("No matching lines yet.")
    context.close()


def test_a_finished_run_is_final_and_never_stale(page: Page, address: str, workspace: Workspace, session: Session) -> None:
    write(session, 1, 50)
    page.add_init_script("window.real = Date.now; Date.now = () => window.real() + (window.later || 0)")
    open_live(page, address, workspace, f"sessions/{session.pk}/")
    sessions.conclude(session, sessions.Ending(Session.Outcome.FAILED, "tests failed"))
    expect(page.locator("#log-more")).to_have_text("■ Final")
    for region in ("#head", "#facts"):
        expect(page.locator(region)).to_contain_text("run ended")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "final")
    assert page.locator("#freshness").evaluate("(f) => getComputedStyle(f, '::before').display") == "none"  # its square, no dot
    page.evaluate("window.later = 60000")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "stale")  # the strip is still of now
    for region in ("#head", "#facts", "#log"):
        assert not page.locator(region).get_attribute("class") or "stale" not in page.locator(region).inner_text()
        assert page.locator(region).evaluate("(r) => getComputedStyle(r).borderLeftWidth") == "0px"
        assert page.locator(region).evaluate("(r) => !r.matches('[data-live]')")
    expect(page.locator("main")).to_contain_text("Final")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (320, "light")])  # each width and each scheme once
def test_the_log_is_accessible(
    browser: Browser, address: str, workspace: Workspace, session: Session, scheme: str, width: int
) -> None:
    """axe finds nothing, and no page is wider than its screen."""
    seed.write_log(session, 40)
    texts = ['{"type": "failure", "code": "auth", "message": "401"}', "\x1b[2;36mdim\x1b[0m \x1b[35mpurple\x1b[0m", "y" * 3000]
    LogChunk.objects.create(session=session, first_seq=41, lines=[[0, "tests:stderr", text] for text in texts], size=3100)
    Session.objects.filter(pk=session.pk).update(first_error=4)
    context = logged_in(browser, address, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    target = f"{address}/w/{workspace.pk}/sessions/{session.pk}/"
    for tail in ("", "log/#L7", "log/?q=expected", "log/?level=error", "log/?line=43", "?tab=events"):
        page.goto(f"{target}{tail}")
        page.wait_for_timeout(300)
        page.locator(".event summary").first.click() if page.locator(".event summary").count() else None
        assert _problems(page) == [], tail
    context.close()


def _problems(page: Page) -> list[str]:
    items = Axe().run(page, options=RULES).response["violations"]
    problems = [f"{item['id']}: {[node['target'] for node in item['nodes'][:3]]}" for item in items]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        problems.append("wider than the screen")
    return problems
