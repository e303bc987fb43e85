"""The list of sessions in a browser."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from playwright.sync_api import Browser, Page, expect

from orchestration import sessions
from orchestration.messaging import wake_ups
from orchestration.models import Session
from tests.journeys.conftest import logged_in
from tests.journeys.test_logs import _problems
from tests.journeys.test_pages import open_live
from workspaces.models import Workspace


def test_a_session_silent_for_ten_minutes_is_marked_quiet_while_one_looks(page: Page, address: str, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").order_by("entry__seq")[0]
    open_live(page, address, workspace, "sessions/")
    row = page.locator(f"#worker-{session.pk}")
    expect(row).not_to_contain_text("quiet")
    Session.objects.filter(pk=session.pk).update(last_output_at=now() - timedelta(minutes=11))
    wake_ups.publish_change(workspace.pk, "workers")
    expect(row.locator(".tone.bad")).to_contain_text("quiet 11m", timeout=15_000)
    expect(row.locator(".tone.bad svg.icon")).to_be_visible()


def test_a_row_opens_to_its_last_lines_and_stays_open(page: Page, address: str, workspace: Workspace) -> None:
    session = Session.objects.filter(log__isnull=False).get()
    open_live(page, address, workspace, "sessions/")
    row = page.locator(f"#peek-{session.pk}")
    row.locator("summary").click()
    expect(row.locator(".line")).to_have_count(8)
    wake_ups.publish_change(workspace.pk, "workers")
    page.wait_for_timeout(1000)
    expect(row).to_have_attribute("open", "")
    expect(row.locator(".line")).to_have_count(8)


def test_a_session_is_held_after_its_round_and_stopped_from_its_menu(page: Page, address: str, workspace: Workspace) -> None:
    target, other = Session.objects.filter(workspace=workspace, status="running").order_by("entry__seq")[:2]
    open_live(page, address, workspace, "sessions/")
    page.locator(f"#menu-{target.pk} summary").click()
    page.click(f"#hold-{target.pk}")
    expect(page.locator(f"#worker-{target.pk}")).to_contain_text("on hold after this round, requested by ana")
    page.locator(f"#menu-{other.pk} summary").click()
    page.click(f"#stop-{other.pk}")
    page.locator(f"#stop-{other.pk}-now").click()
    expect(page.locator(f"#worker-{other.pk}")).to_contain_text("Stopping")
    sessions.conclude(target, sessions.Ending(Session.Outcome.FAILED, "tests failed"))
    target.entry.refresh_from_db()
    assert target.entry.reason_code == "human_hold"


def test_the_list_works_without_script(browser: Browser, address: str, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").order_by("entry__seq")[0]
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/w/{workspace.pk}/sessions/")
    page.locator(f"#menu-{session.pk} summary").click()
    expect(page.locator(f"#menu-{session.pk} [data-copy]")).to_be_hidden()
    page.click(f"#hold-{session.pk}")
    expect(page.locator(f"#worker-{session.pk}")).to_contain_text("on hold after this round")
    page.fill("#workers-q", f"#{session.entry.seq}")
    page.keyboard.press("Enter")
    expect(page.locator(".workers tbody")).to_have_count(1)
    page.click("text=Timeline")
    expect(page.locator("svg.lanes")).to_be_visible()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (320, "light")])  # each width and each scheme once
def test_the_session_list_is_accessible(browser: Browser, address: str, workspace: Workspace, scheme: str, width: int) -> None:
    """axe finds nothing with a row and a menu open, and no page is wider than its screen."""
    Session.objects.filter(workspace=workspace, status="running").update(last_output_at=now() - timedelta(minutes=11))
    context = logged_in(browser, address, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    for tail in ("", "?view=timeline", "?ended=1", "?q=nothing", "?state=odd"):
        page.goto(f"{address}/w/{workspace.pk}/sessions/{tail}")
        page.wait_for_timeout(200)
        for summary in (".peek summary", ".menu summary"):
            if page.locator(summary).count():
                page.locator(summary).first.click()
        page.wait_for_timeout(300)
        assert _problems(page) == [], tail
    context.close()


def test_what_a_person_saves_is_shown_while_the_focus_stays_in_its_field(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace, "settings/executor/")
    page.fill("#workers-n", "37")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_contain_text("37 workers")
    expect(page.locator("main")).to_contain_text("of 37 ·")
    expect(page.locator("#workers-n")).to_be_focused()
