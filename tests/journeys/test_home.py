"""Home in a browser: the queue by keyboard, the tab, notifications, and without script."""

from datetime import timedelta

from django.utils.timezone import now
from playwright.sync_api import Browser, Page, expect

from orchestration.models import Entry
from tests.dashboard.seeds import entries as seed
from tests.factories import an_open_breaker
from tests.journeys.conftest import logged_in
from workspaces.models import Workspace


def agents_fail(workspace: Workspace) -> None:
    an_open_breaker(workspace)


def test_the_queue_is_worked_through_by_keyboard(page: Page, address: str, workspace: Workspace) -> None:
    page.goto(address)
    expect(page).to_have_title("(2) Workspaces · Muster")
    first, second = page.locator("[data-need]").evaluate_all("(rows) => rows.map((row) => row.id)")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.locator("#result")).to_contain_text("comes back if it changes")
    expect(page.locator("[data-need]")).to_have_count(1)
    expect(page).to_have_title("(1) Workspaces · Muster")
    page.wait_for_function("(id) => document.activeElement.closest('li')?.id === id", arg=second)  # the row that took its place
    page.click("#undo")
    expect(page.locator(f"[id='{first}']")).to_be_visible()
    page.locator(f"[id='{first}'] a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/w/{workspace.pk}/")
    page.go_back()
    expect(page.locator(f"[id='{first}'].unread")).to_have_count(0)  # it was opened


def test_several_entries_in_one_row_are_read_by_opening_it_and_raised_by_its_button_alone(
    page: Page, address: str, workspace: Workspace
) -> None:
    waiting = Entry.objects.filter(workspace=workspace).exclude(status__in=["in_progress", "done"])
    waiting.update(status="failed", reason_code="rounds_exhausted", reason_at=now(), has_rounds=True)
    page.goto(address)
    row = page.locator("[data-need]", has_text="out of rounds")
    with page.expect_request("**/queue/"):
        row.get_by_role("link", name="entries").click()
    page.wait_for_url("**/backlog/?reason=rounds_exhausted")
    page.goto(address)
    expect(page.locator(".queue .unread")).to_have_count(0)
    row.get_by_role("button", name="Raise all by 1").click()
    expect(page.locator("#result")).to_contain_text("may make one round more")
    expect(row).to_have_count(0)


def test_what_is_new_appears_by_itself_in_the_tab_and_as_a_notification(
    browser: Browser, address: str, workspace: Workspace
) -> None:
    context = logged_in(browser, address, permissions=["notifications"])
    page = context.new_page()
    page.clock.install()
    page.add_init_script(
        "window.shown = []; window.Notification = class { constructor(title, { body }) { window.shown.push(body); } "
        "static permission = 'granted'; static requestPermission = async () => 'granted'; };"
    )
    page.goto(address)
    page.click("#notify")
    expect(page.locator("#notify")).to_have_text("Stop notifying me")
    page.click("#read-all")
    expect(page.locator(".unread")).to_have_count(0)
    agents_fail(workspace)
    page.clock.run_for(timedelta(seconds=12).seconds * 1000)
    expect(page.locator(".unread")).to_contain_text("Nothing can start. No key.")
    expect(page).to_have_title("(3) Workspaces · Muster")
    assert "favicon-alert" in (page.locator("#favicon").get_attribute("href") or "")
    assert "No key." in page.evaluate("window.shown.join()")
    context.close()


def test_the_queue_works_without_script(browser: Browser, address: str, workspace: Workspace) -> None:
    agents_fail(workspace)
    seed.plenty(seed.empty("Second"), 2)
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.locator("[data-need] summary").first.click()
    page.locator("[data-need] button[value=tomorrow]").first.click()
    expect(page.locator("#result")).to_contain_text("Snoozed until")
    expect(page.locator("[data-need]")).to_have_count(2)
    page.click("#read-all")
    expect(page.locator(".unread")).to_have_count(0)
    context.close()
