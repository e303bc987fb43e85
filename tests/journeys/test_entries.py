"""The list of entries in a browser, with five hundred of them (docs/reference/dashboard.md, points 16 and 26 to 29), and how new ones come in."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from budget.models import Account
from orchestration.backlog import entries
from orchestration.executor import dispatch
from orchestration.messaging import wake_ups
from orchestration.models import Entry
from tests.dashboard.seeds import entries as seed
from tests.factories import CLOSED
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import open_live, results
from workspaces.models import Workspace


@pytest.fixture
def many(transactional_db: None) -> Workspace:
    """One of each, and five hundred in all; those that share a path are parked, and most are of the same second."""
    workspace = seed.busy()
    seed.plenty(workspace, 488)
    dispatch.cycle(workspace.pk)
    Entry.objects.filter(workspace=workspace, seq__gt=12).update(updated_at="2026-11-25T10:00:00Z")
    return workspace


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[BrowserContext]:
    context = logged_in(browser, address, viewport={"width": 320, "height": 640})
    yield context
    context.close()


def rows(page: Page) -> list[str]:
    return page.eval_on_selector_all("#entries tbody tr", "rows => rows.map(row => row.id)")


def test_every_waiting_row_has_a_reason_and_a_time(page: Page, address: str, many: Workspace) -> None:
    Account.objects.filter(entry__workspace=many).update(own_budget=True)  # entries wait for others here, not for money
    page.goto(f"{address}/w/{many.pk}/backlog/")
    for _ in range(3):
        for row in page.locator("#entries tbody tr").all():
            words = row.inner_text()
            if "In progress" not in words and "Done" not in words:
                assert len(row.locator(".why").inner_text()) > 5 and row.locator(".updated time").count() == 1, words
            if "Waiting for" in words or "After #" in words:
                assert row.locator(".why a").count() >= 1, words
        page.click("text=Next page")
    holder = Entry.objects.get(workspace=many, seq=4)
    page.goto(f"{address}/w/{many.pk}/backlog/?q=%235")
    page.click(f"#row-{Entry.objects.get(workspace=many, seq=5).pk} .why a")
    expect(page).to_have_url(f"{address}/w/{many.pk}/backlog/{holder.pk}/")


def test_back_finds_the_rows_the_place_and_the_focus(page: Page, browser: Browser, address: str, many: Workspace) -> None:
    page.set_viewport_size({"width": 1440, "height": 700})
    page.goto(f"{address}/w/{many.pk}/backlog/")
    page.fill("#q", "many spent:<5")
    expect(page.locator("#entries")).to_contain_text("488 entries")
    page.click("#entries thead a:has-text('Changed')")
    page.click("text=Next page")
    expect(page.locator("text=Previous page")).to_be_visible()
    before, link = rows(page), page.locator("#entries tbody a.title").nth(30)
    link.scroll_into_view_if_needed()
    place, name, url = page.evaluate("scrollY"), link.get_attribute("id"), page.url
    link.click()
    expect(page).to_have_url(re.compile(r"/backlog/entry_\w+/$"))
    page.go_back()
    expect(page).to_have_url(url)
    expect(page.locator(f"#{name}")).to_be_focused()
    assert rows(page) == before and abs(page.evaluate("scrollY") - place) < 5
    other = logged_in(browser, address)
    elsewhere = other.new_page()
    elsewhere.goto(url)
    assert rows(elsewhere) == before
    other.close()


def test_light_pages_hold_each_of_five_hundred_once(page: Page, address: str, many: Workspace) -> None:
    page.goto(f"{address}/w/{many.pk}/backlog/?sort=-updated")
    seen = rows(page)
    while page.locator("text=Next page").count():
        with page.expect_navigation():  # all of it: half a page has half the rows
            page.click("text=Next page")
        seen += rows(page)
        assert page.evaluate("document.querySelectorAll('*').length") <= 1400
    assert len(seen) == len(set(seen)) == 500
    page.goto(f"{address}/w/{many.pk}/backlog/?view=graph")
    assert page.evaluate("document.querySelectorAll('*').length") <= 1400


def test_the_csv_has_what_is_shown(page: Page, address: str, many: Workspace, tmp_path: Path) -> None:
    entries.add(many.pk, [entries.Draft("=1+1", spec={"files_to_modify": ["src/part_1.py"]})], by=seed.ANA)
    page.goto(f"{address}/w/{many.pk}/backlog/?status=open")
    page.fill("#q", "file:src/part_1.py")
    expect(page.locator(".summary-line")).to_contain_text("touching src/part_1.py")
    expect(page.locator("#csv")).to_have_attribute("href", re.compile("q=file"))
    page.click("#list-more summary")
    with page.expect_download() as download:
        page.click("#csv")
    download.value.save_as(tmp_path / "entries.csv")
    lines = list(csv.DictReader((tmp_path / "entries.csv").open()))
    form_data = page.locator(".summary-line .num").inner_text()
    assert form_data == f"{len(lines)} entries" and lines[-1]["title"] == "'=1+1"


def test_the_three_ways_to_be_empty_differ(page: Page, address: str, workspace: Workspace) -> None:
    page.goto(f"{address}/w/{seed.empty('Other').pk}/backlog/")
    expect(page.locator(".empty")).to_contain_text("There are no entries yet")
    page.goto(f"{address}/w/{workspace.pk}/backlog/?q=nothing+like+it")
    page.click(".empty >> text=Clear filters")
    expect(page.locator("#entries tbody tr")).to_have_count(12)
    Entry.objects.filter(status="failed").update(**CLOSED)
    page.goto(f"{address}/w/{workspace.pk}/backlog/?status=failed")
    expect(page.locator(".empty")).to_contain_text("No failed entries")


def test_typing_keeps_the_caret_and_the_address(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace, "backlog/?sort=-seq")
    page.focus("#q")
    for letter in "reason:files":
        page.keyboard.type(letter)
        wake_ups.publish_change(workspace.pk, "entries")
        page.wait_for_timeout(60)
    expect(page.locator(".summary-line")).to_contain_text("waiting for locked files")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("reason:files")
    expect(page).to_have_url(re.compile(r"\?sort=-seq&q=reason%3Afiles$"))
    expect(page.locator("#entries")).to_have_attribute("data-announce", re.compile(r"^\d+ entries match$"))


def test_many_are_held_at_once_and_all_that_match_by_their_number(page: Page, address: str, many: Workspace) -> None:
    open_live(page, address, many, "backlog/?q=many&status=ready")
    ticks = page.locator("#entries tbody .tick")
    for n in range(3):
        ticks.nth(n).check()
    expect(page.locator("#picked")).to_have_text("3 selected")
    expect(page.locator("#every")).to_be_hidden()
    page.click(".picked-bar >> text=Put on hold")
    expect(page.locator("#result")).to_contain_text("3 entries are on hold")
    expect(page.locator(".picked-bar")).to_be_hidden()
    page.check("#tick-page")
    page.check("#every input")
    page.click(".picked-bar >> text=Put on hold")
    expect(page.locator("#result")).to_contain_text(re.compile(r"Type \d{3} to continue"))
    n = re.search(r"Type (\d+)", page.locator("#result").inner_text())
    assert n is not None
    page.fill("#result [name=typed]", n.group(1))
    page.click("#result .commit")
    expect(page.locator("#result")).to_contain_text(f"{n.group(1)} entries are on hold", timeout=20_000)
    assert Entry.objects.filter(workspace=many, reason_code="human_hold").count() == int(n.group(1)) + 4


def test_a_plan_is_looked_at_and_then_added(page: Page, address: str, workspace: Workspace) -> None:
    page.goto(f"{address}/w/{workspace.pk}/backlog/")
    page.click("#list-more summary")
    page.click("text=Import a plan")
    page.fill("#text", "- [ ] Parse (ref: parse)\n- [ ] Import (after: prase)")
    page.click("button:text-is('Preview')")
    expect(page.locator(".problems")).to_contain_text("Line 2: There is no ref 'prase' in this plan")
    page.fill("#text", "- [ ] Parse (ref: parse)\n- [ ] Import (after: parse)")
    page.click("button:text-is('Preview')")
    page.click("text=Add 2 entries")
    expect(page.locator("#result")).to_contain_text("2 entries are added")
    expect(page.locator("#entries tbody tr").first).to_contain_text("Import")


def test_a_plan_again_is_a_difference_that_can_be_looked_at(page: Page, address: str, workspace: Workspace) -> None:
    plan = f"{address}/w/{workspace.pk}/backlog/plans/import/"
    text = "# Dates\n\n## Reading\n- [ ] Parse\n- [ ] Print"
    for words, button in ((text, "Add 2 entries"), (text.replace("Print", "Print (priority: high)"), "Change 1")):
        page.goto(plan)
        page.fill("#text", words)
        page.click("button:text-is('Preview')")
        expect(page.locator("#preview-h")).to_be_visible()
        assert results(page) == []
        page.click(f"button:has-text('{button}')")
    expect(page.locator("#result")).to_contain_text("1 entry is changed")
    page.click("#groups summary")
    page.click("#groups a:has-text('Reading')")
    expect(page.locator(".summary-line")).to_contain_text("in the group Reading: 2 entries")


def test_without_script_an_entry_is_edited_deleted_and_never_overwritten(
    browser: Browser, address: str, workspace: Workspace
) -> None:
    context = logged_in(browser, address, java_script_enabled=False)
    page, other = context.new_page(), context.new_page()
    row = Entry.objects.get(workspace=workspace, seq=10)
    page.goto(f"{address}/w/{workspace.pk}/backlog/{row.pk}/")
    page.click("#entry-more summary")
    page.click("#edit")
    other.goto(page.url)
    other.fill("#f-content", "The words of the first")
    other.click("button:text-is('Save')")
    page.fill("#f-content", "The words of the second")
    page.click("button:text-is('Save')")
    assert "Nothing was overwritten" in page.content() and "The words of the first" in page.content()
    page.click("button:text-is('Save')")
    assert "#10 is changed" in page.content() and Entry.objects.get(pk=row.pk).content == "The words of the second"
    page.click("#entry-more summary")
    page.click("#delete")
    page.click("button:text-is('Delete #10')")
    assert "#10 is deleted" in page.content() and page.url.endswith("/backlog/")
    context.close()


def test_many_are_deleted_in_place_after_a_question(page: Page, address: str, workspace: Workspace) -> None:
    page.goto(f"{address}/w/{workspace.pk}/backlog/")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "live")
    for seq in (11, 12):
        page.check(f"[aria-label='Select #{seq}']")
    page.click("#bulk-more summary")
    assert results(page) == []
    page.click(".picked-bar button:text-is('Delete…')")
    expect(page.locator("#result")).to_contain_text("Delete 2 entries?")
    page.click("#result .commit")
    expect(page.locator("#result")).to_contain_text("2 entries are deleted")
    expect(page.locator("#e11")).to_have_count(0)


def test_an_entry_is_written_with_what_it_waits_for(page: Page, address: str, workspace: Workspace) -> None:
    page.goto(f"{address}/w/{workspace.pk}/backlog/new/")
    page.fill("#f-content", "Tell what it costs")
    page.click("text=Find an entry")
    page.fill("#find", "exchange")
    expect(page.locator("#hits button")).to_have_count(1)
    page.click("#hits button")
    expect(page.locator("#f-after")).to_have_value("#3")
    page.click("button:has-text('Add entry')")
    expect(page.locator("#result")).to_contain_text("#13 is added")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (360, "light")])  # each width and each scheme once
def test_the_entries_are_accessible(browser: Browser, address: str, workspace: Workspace, scheme: str, width: int) -> None:
    context = logged_in(browser, address, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    for tail in ("", "?view=graph", "?view=board", "?q=nothing", "?status=blocked&q=score:x", "new/", "plans/import/"):
        page.goto(f"{address}/w/{workspace.pk}/backlog/{tail}")
        if not tail:
            expect(page.locator("#freshness")).to_have_attribute("data-state", "live")
            page.click("#tips summary")
            if width > 767:  # on a phone a row is a card of two lines, without a checkbox
                page.locator("#entries tbody .tick").first.check()
        assert results(page) == [], tail
    page.fill("#text", "- [ ] A (after: #99)\n- [ ] B")
    page.click("button:text-is('Preview')")
    expect(page.locator("#preview-h")).to_be_visible()
    assert results(page) == []
    context.close()


def test_no_page_of_entries_is_wider_than_a_small_phone(phone: BrowserContext, address: str, workspace: Workspace) -> None:
    page = phone.new_page()
    for tail in ("", "?view=graph", "?view=board", "new/", "plans/import/"):
        page.goto(f"{address}/w/{workspace.pk}/backlog/{tail}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, tail
    page.fill("#text", f"- [ ] {'Long' * 60} (files: {'a/' * 60}x.py)")
    page.click("button:text-is('Preview')")
    expect(page.locator("#preview-h")).to_be_visible()  # before that there may be no document to measure
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_script_all_of_it_works(browser: Browser, address: str, workspace: Workspace) -> None:
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/w/{workspace.pk}/backlog/")
    page.fill("#q", "status:waiting")
    page.click("#find button")
    page.locator("tbody .tick").first.check()
    page.click(".picked-bar >> text=Put on hold")
    expect(page.locator("body")).to_contain_text("1 entry is on hold")
    assert "status%3Awaiting" in page.url
    context.close()


def test_a_board_follows_the_work_and_keeps_the_focus(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace, "backlog/?view=board")
    ready, stuck = page.locator("#pile-ready .num").first, page.locator("#pile-stuck")
    expect(ready).to_have_text("0")
    page.focus("#pile-waiting #e7")
    Entry.objects.filter(workspace=workspace, seq=7).update(
        status="blocked", parked_behind=None, reason_code="merge_conflict", reason_message="In app/mail.py"
    )
    wake_ups.publish_change(workspace.pk, "entries")
    expect(stuck.locator("#e7")).to_be_focused()
    page.keyboard.press("k")
    expect(stuck.locator("#e7")).not_to_be_focused()
    page.click("#pile-stuck h3 a:has-text('Merge conflict')")
    expect(page.locator(".summary-line")).to_contain_text("blocked, in a merge conflict: 1 entry")


def test_rows_fold_are_selected_by_a_key_and_a_view_is_saved(page: Page, address: str, workspace: Workspace) -> None:
    Entry.objects.filter(workspace=workspace, seq__in=(5, 7)).update(group="Export")
    open_live(page, address, workspace, "backlog/?done=hide")
    expect(page.locator("#e1")).to_have_count(0)
    page.focus("#e5")
    page.keyboard.press("x")
    expect(page.locator("#picked")).to_have_text("1 selected")
    page.keyboard.press("j")
    expect(page.locator("#e7")).to_be_focused()
    page.check("[aria-label='Hide the rows of Export']")
    expect(page.locator("#e7")).to_be_hidden()
    wake_ups.publish_change(workspace.pk, "entries")
    page.fill("#q", "status:waiting")
    expect(page.locator(".summary-line")).to_contain_text("waiting: ")
    page.click("#views-more summary")
    page.fill("#view-name", "What waits")
    page.click("text=Save for the team")
    expect(page.locator("#views a")).to_have_text("What waits")
    assert results(page) == []
    page.click("#hide-done")
    page.click("#views a")
    expect(page).to_have_url(re.compile(r"\?done=hide&q=status%3Awaiting$"))


def test_a_field_shows_what_was_saved(workspace: Workspace, page: Page, address: str) -> None:
    entry = Entry.objects.filter(workspace=workspace, is_container=False).earliest("seq")
    open_live(page, address, workspace, f"backlog/{entry.pk}/?tab=brief")
    page.fill("#rounds-n", "8")
    page.press("#rounds-n", "Enter")
    expect(page.locator("#result")).to_contain_text("8")
    expect(page.locator("#rounds-n")).to_have_value("8")
    page.locator("#priority").select_option("critical")
    page.get_by_role("button", name="Save priority").click()
    expect(page.locator("#result")).to_contain_text("critical")
    expect(page.locator("#priority")).to_have_value("critical")
