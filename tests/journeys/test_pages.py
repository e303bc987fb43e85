"""The pages in a browser: live updates, without script, small screens, dark theme and accessibility."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from budget.models import Project
from orchestration.backlog import entry_edits
from orchestration.executor import control
from orchestration.messaging import publishing, wake_ups
from orchestration.models import Entry, Executor, Session
from tests.dashboard.seeds import entries as seed
from tests.journeys.conftest import logged_in
from tests.sampling import part
from workspaces.models import Workspace

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RULES = {
    "runOnly": [*WCAG, "best-practice"],
    "resultTypes": ["violations"],
}  # axe describes what passes as well: a megabyte a page


def state(workspace: Workspace) -> str:
    return Executor.objects.get(pk=workspace.pk).state


def open_live(page: Page, address: str, workspace: Workspace, tail: str = "") -> None:
    page.goto(f"{address}/w/{workspace.pk}/{tail}")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "live")
    deadline = 50
    while not publishing.client().pubsub_numpat() and deadline:
        page.wait_for_timeout(50)
        deadline -= 1


def test_a_change_elsewhere_shows_without_a_reload(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace)
    page.evaluate("window.same = true")
    control.pause(workspace.pk, by=seed.ANA)
    expect(page.locator("#header")).to_have_attribute("data-state", "paused", timeout=15_000)
    for number in range(5):  # the last of a burst counts
        entry = Entry.objects.get(workspace=workspace, seq=5)
        entry_edits.set_rounds(entry, 10 + number, by=seed.ANA)
    expect(page.locator("#activity")).to_contain_text("from 13 to 14", timeout=15_000)
    assert page.evaluate("window.same") and page.title().startswith("‖ Paused")


def test_what_a_person_types_survives_the_swaps(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace)
    page.locator("#cap-edit summary").click()
    field = page.locator("#cap-amount")
    field.fill("")
    for digit in "31.75":
        field.press_sequentially(digit)
        wake_ups.publish_change(workspace.pk, "entries", "budget", "workers")
        page.wait_for_timeout(700)
    expect(field).to_have_value("31.75")
    expect(field).to_be_focused()
    expect(page.locator("#freshness")).to_contain_text("1 update waiting")
    field.press("Enter")
    expect(page.locator("#result")).to_contain_text("The cap is now $31.75")
    expect(page.locator("#budget")).to_contain_text("$31.75")


def test_stop_all_takes_two_clicks_and_a_double_click_does_nothing(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace)
    page.dblclick("#stop-all")
    page.wait_for_timeout(600)
    expect(page.locator("#stop-all-now")).to_have_text("Stop 3 workers now")
    expect(page.locator("#stop-all-now")).to_be_focused()
    assert state(workspace) == "running"
    page.keyboard.press("Escape")
    expect(page.locator("#stop-all")).to_be_focused()
    page.click("#stop-all")
    page.click("#stop-all-now")
    expect(page.locator("#result")).to_contain_text("3 sessions were asked to stop")
    expect(page.locator("#stopping")).to_contain_text("0 of 3 confirmed")
    expect(page.locator("#announcer")).to_contain_text("asked to stop", timeout=15_000)
    assert state(workspace) == "paused"
    assert not Session.objects.filter(status__in=Session.OPEN, stop_wanted_at__isnull=True).exists()


def test_a_cap_below_what_is_spent_asks_in_place(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace)
    page.locator("#cap-edit summary").click()
    page.fill("#cap-amount", "1")
    page.click("#cap-edit button")
    expect(page.locator("#result")).to_contain_text("no session starts until the cap is raised")
    assert Project.objects.get(pk=workspace.pk).max_project_spend == 20_000_000
    page.click("#result .commit")
    expect(page.locator("#budget")).to_contain_text("The cap is reached")


def test_the_log_grows_while_one_reads(page: Page, address: str, workspace: Workspace) -> None:
    session = Session.objects.filter(log__isnull=False).get()
    open_live(page, address, workspace, f"sessions/{session.pk}/")
    seed.write_log(session, 25, first=41)
    wake_ups.publish_change(workspace.pk, "workers")
    expect(page.locator("#L65")).to_be_attached(timeout=15_000)
    assert page.locator("#log-lines .line").count() == 65
    assert page.evaluate(
        "(() => { const l = document.getElementById('log-lines'); return l.scrollHeight - l.scrollTop - l.clientHeight < 40 })()"
    )


def test_everything_works_without_script(browser: Browser, address: str, workspace: Workspace) -> None:
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    home = f"{address}/w/{workspace.pk}/"
    page.goto(home)
    page.click("#act-pause")
    expect(page.locator("#result")).to_contain_text("Dispatch is paused")
    page.click("#act-resume")
    expect(page.locator("#header")).to_have_attribute("data-state", "running")
    page.locator("#cap-edit summary").click()
    page.fill("#cap-amount", "1")
    page.click("#cap-edit button")
    page.click("button.commit")
    expect(page.locator("#result")).to_contain_text("The cap is now $1.00")
    page.goto(f"{home}settings/executor/")
    page.click("#dispatch-now")
    expect(page.locator("#result")).to_contain_text("Not started")
    page.goto(f"{home}backlog/")
    page.click(".rail a[href$='status=failed']")
    expect(page.locator("#entries tbody tr")).to_have_count(1)
    page.fill("#q", "nothing like it")
    page.keyboard.press("Enter")
    page.click("text=Clear filters >> nth=0")
    entry = Entry.objects.get(workspace=workspace, seq=5)
    page.goto(f"{home}money/entries/?edit={entry.pk}")
    page.fill(f"#amount-{entry.pk}", "3")
    page.keyboard.press("Enter")
    expect(page.locator(f"#row-{entry.pk}")).to_contain_text("Locked")
    session = Session.objects.filter(workspace=workspace, status="running").first()
    assert session is not None
    page.goto(f"{home}sessions/{session.pk}/stop/")
    page.click("text=Stop this session")
    page.goto(home)
    expect(page.locator("#workers")).to_contain_text("Stopping")
    page.click("#stop-all")
    page.click("text=Stop all now")
    assert state(workspace) == "paused"
    context.close()


@pytest.mark.parametrize(("width", "scheme"), part([(1440, "dark"), (360, "light")], 1))  # test_34 has every page in both schemes
def test_the_pages_are_accessible(browser: Browser, address: str, workspace: Workspace, scheme: str, width: int) -> None:
    """axe finds nothing, and no page is wider than its screen."""
    context = logged_in(browser, address, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    entry, session = Entry.objects.get(workspace=workspace, seq=1), Session.objects.filter(log__isnull=False).get()
    home = f"/w/{workspace.pk}/"
    empty = f"/w/{seed.empty('Nothing yet').pk}/"
    needed = Entry.objects.get(workspace=workspace, seq=3)  # by two others
    tails = [
        "/",
        home,
        f"{home}backlog/{needed.pk}/",
        empty,
        f"{home}?q=nothing",
        f"{home}settings/agents/",
        f"{home}backlog/{entry.pk}/",
        f"{home}sessions/{session.pk}/",
    ]
    for path in [*tails, f"{home}settings/executor/stop/", "/api/v1/docs", "/w/ws_none/"]:
        page.goto(f"{address}{path}")
        page.wait_for_timeout(300)
        assert results(page) == [], path
    page.goto(f"{address}{home}")
    page.click("#stop-all")
    page.wait_for_timeout(500)
    assert results(page) == []
    context.close()


def results(page: Page) -> list[str]:
    problems = [f"{item['id']}: {item['nodes'][0]['target']}" for item in Axe().run(page, options=RULES).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        problems.append("wider than the screen")
    return problems


def test_a_lost_stream_is_reported_and_stop_still_works(page: Page, address: str, workspace: Workspace) -> None:
    page.add_init_script("window.real = Date.now; Date.now = () => window.real() + (window.later || 0)")
    open_live(page, address, workspace)
    page.evaluate("window.later = 20000")
    expect(page.locator("#freshness")).to_contain_text("Reconnecting")
    page.evaluate("window.later = 40000")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "stale")
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    page.click("#stop-all")
    page.click("#stop-all-now")
    expect(page.locator("#header")).to_have_attribute("data-state", "paused")
