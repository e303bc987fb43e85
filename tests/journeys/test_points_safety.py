"""Acceptance points 2 to 8: safety and control, in a browser. (1 is in test_points_every_page.py, 10 in test_entry.py.)"""

import re
from datetime import timedelta

from django.utils.timezone import now
from playwright.sync_api import Browser, Page, Request, expect

from orchestration import sessions
from orchestration.executor import control
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Session
from tests.dashboard.seeds import entries as seed
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import open_live, state
from workspaces.models import Workspace


def posts(page: Page) -> list[str]:
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url)

    page.on("request", note)
    return sent


def test_02_a_stop_is_two_clicks_and_a_double_click_sends_nothing(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace, "backlog/locks/")
    sent = posts(page)
    page.dblclick("#stop-all")
    page.wait_for_timeout(700)
    assert sent == [] and state(workspace) == "running"
    page.click("#stop-all-now")
    expect(page.locator("#header")).to_have_attribute("data-state", "paused")
    assert len(sent) == 1


def test_03_armed_it_counts_and_disarms_by_escape_or_when_one_goes_elsewhere(
    page: Page, address: str, workspace: Workspace
) -> None:
    page.clock.install()
    page.goto(f"{address}/w/{workspace.pk}/")
    page.click("#stop-all")
    page.clock.run_for(500)
    expect(page.locator("#stop-all-now")).to_have_text("Stop 3 workers now")
    expect(page.locator("#stop-all-now")).to_be_focused()
    page.clock.run_for(15_000)
    expect(page.locator("#stop-all-now")).to_be_visible()  # whoever is there may take their time
    page.keyboard.press("Escape")
    expect(page.locator("#stop-all")).to_be_focused()
    page.click("#stop-all")
    page.clock.run_for(500)
    page.locator("h2").first.click()
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(12_000)
    expect(page.locator("#stop-all")).to_be_visible()


def test_04_with_one_session_left_the_page_never_shows_all_stopped(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace)
    page.click("#stop-all")
    page.click("#stop-all-now")
    expect(page.locator("#stopping")).to_contain_text("0 of 3 confirmed")
    silent, *others = Session.objects.filter(workspace=workspace, status="running").order_by("id")
    for session in others:
        sessions.conclude(session, sessions.Ending(Session.Outcome.STOPPED, "Stopped by ana"))
    long_ago = now() - timedelta(minutes=1)
    Executor.objects.filter(pk=workspace.pk).update(stop_all_at=long_ago)
    Session.objects.filter(pk=silent.pk).update(stop_wanted_at=long_ago)
    wake_ups.publish_change(workspace.pk, "workers")
    expect(page.locator("#stopping")).to_contain_text("2 of 3 confirmed")
    expect(page.locator("#stopping")).to_contain_text("no response")
    expect(page.locator("#stop-retry")).to_be_visible()
    expect(page.locator("#attention")).to_contain_text("has not confirmed the stop")
    expect(page.locator("#alarm")).to_contain_text("has not confirmed")
    assert "All stopped" not in page.inner_text("body")
    page.click(f"#kill-{silent.pk}")
    expect(page.locator("#stopping")).to_contain_text("is being killed")
    sessions.conclude(silent, sessions.Ending(Session.Outcome.STOPPED, "Stopped by ana"))
    expect(page.locator("#stopping")).to_contain_text("All stopped")


# 5 is `test_everything_works_without_script` in test_pages.py.


def test_06_after_a_minute_of_changes_a_destructive_act_still_asks(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace)
    page.evaluate("window.swaps = 0; document.addEventListener('muster:shown', () => window.swaps++)")
    for _ in range(25):
        wake_ups.publish_change(workspace.pk, "executor", "workers", "budget")
        page.wait_for_timeout(2450)
    assert page.evaluate("window.swaps") >= 20
    sent = posts(page)
    page.click("#stop-all")
    expect(page.locator("#stop-all-now")).to_be_visible()
    assert sent == [] and state(workspace) == "running"
    response = page.evaluate(
        """async (url) => (await fetch(url, {method: 'POST', headers: {'X-CSRFToken': document.querySelector('[name=csrfmiddlewaretoken]').value,
        'Content-Type': 'application/x-www-form-urlencoded'}, body: 'confirm=made-up'})).status""",
        f"{address}/w/{workspace.pk}/settings/executor/stop/",
    )
    assert response == 409 and state(workspace) == "running"


def test_07_a_stop_in_the_seventh_tab_answers_at_once(browser: Browser, address: str, workspace: Workspace) -> None:
    context = logged_in(browser, address)
    tabs = [context.new_page() for _ in range(7)]
    for tab in tabs:
        tab.goto(f"{address}/w/{workspace.pk}/", wait_until="domcontentloaded")
        expect(tab.locator("#freshness")).to_have_attribute("data-state", "live", timeout=10_000)
    last = tabs[-1]
    last.click("#stop-all")
    with last.expect_response(re.compile("settings/executor/stop"), timeout=2000) as answered:
        last.click("#stop-all-now")
    assert answered.value.status == 200 and state(workspace) == "paused"
    context.close()


def test_08_the_second_person_sees_who_was_first(browser: Browser, address: str, workspace: Workspace) -> None:
    mine, theirs = logged_in(browser, address), logged_in(browser, address)
    target, other = mine.new_page(), theirs.new_page()
    other.goto(f"{address}/w/{workspace.pk}/")
    other.route("**/events/**", lambda route: route.abort())
    other.reload()  # it gets no notification
    control.pause(workspace.pk, by=seed.ANA)
    control.resume(workspace.pk, by=seed.ANA)
    before = Executor.objects.get(pk=workspace.pk).version
    other.evaluate("document.querySelector('#header input[name=version]').value = 1")
    other.click("#act-pause")
    expect(other.locator("#result")).to_contain_text("ana changed the executor")
    assert state(workspace) == "running"
    target.goto(f"{address}/w/{workspace.pk}/")
    target.dblclick("#act-pause")
    expect(target.locator("#header")).to_have_attribute("data-state", "paused")
    assert Executor.objects.get(pk=workspace.pk).version == before + 1
    mine.close()
    theirs.close()


# 9 is tests/dashboard/shared/test_every_form.py: each form of the map, sent by a viewer.
