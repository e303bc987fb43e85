"""Charts answer the pointer, the keyboard and the finger, and a zoom is in the address."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from orchestration.models import Entry
from tests.dashboard.seeds import money
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import results
from workspaces.models import Workspace

CHART = "[data-chart=burnup-figures]"


@pytest.fixture
def day(transactional_db: None) -> Workspace:
    return money.a_day()


def middle(page: Page) -> tuple[float, float]:
    box = page.locator(f"{CHART} svg").bounding_box()
    assert box
    return box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5


def test_the_pointer_reads_the_values_of_the_table_and_a_refresh_leaves_them(page: Page, address: str, day: Workspace) -> None:
    page.goto(f"{address}/w/{day.pk}/money/")
    page.mouse.move(*middle(page))
    box = page.locator(f"{CHART} .rail-box")
    expect(box).to_contain_text(re.compile(r"^Until \d\d:\d\d"))
    moment = (box.locator("span").first.text_content() or "").removeprefix("Until ")
    row = page.locator("#burnup-figures tbody tr", has_text=moment)
    expect(box.locator("span").last).to_have_text(f"Total {row.locator('td').last.text_content()}")
    with page.expect_response(re.compile("live=")):
        page.evaluate("document.dispatchEvent(new Event('muster:changed'))")
    expect(box.locator("span").first).to_have_text(f"Until {moment}")
    page.mouse.move(2, 2)
    expect(box).to_have_count(0)


def test_a_drag_zooms_into_the_address_and_back_leaves_it(page: Page, address: str, day: Workspace) -> None:
    page.goto(f"{address}/w/{day.pk}/money/?range=all")
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y, steps=4)
    expect(page.locator(f"{CHART} .rail-range")).to_be_visible()
    page.mouse.up()
    page.wait_for_url(re.compile(r"range=all&from=.*Z&to=.*Z#over-time"))
    expect(page.get_by_role("link", name="Whole range")).to_be_visible()
    page.go_back()
    page.wait_for_url(re.compile(r"range=all$"))
    expect(page.get_by_role("link", name="All", exact=True)).to_have_attribute("aria-current", "true")


def test_arrows_read_and_select_and_escape_leads_back(page: Page, address: str, day: Workspace) -> None:
    page.goto(f"{address}/w/{day.pk}/money/")
    page.locator(CHART).focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#announcer")).to_contain_text("Total $")
    last = page.locator(f"{CHART} .rail-box").text_content()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f"{CHART} .rail-box")).not_to_have_text(last or "")
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("from="))
    page.locator(CHART).focus()
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/money/\??$"))


def test_on_a_phone_a_chart_opens_at_now_and_a_finger_reads_it(browser: Browser, address: str, day: Workspace) -> None:
    context = logged_in(browser, address, viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(f"{address}/w/{day.pk}/money/")
    chart = page.locator(CHART)
    expect(chart.locator("text", has_text=re.compile(r"^now"))).to_be_in_viewport()
    assert chart.evaluate("c => c.scrollLeft") > 0
    chart.tap()
    expect(chart.locator(".rail-box")).to_contain_text("Total $")
    context.close()


def test_every_chart_is_read_by_the_keyboard(page: Page, address: str, day: Workspace) -> None:
    entry = Entry.objects.get(workspace=day, seq=2)
    for tail in ("money/", f"backlog/{entry.pk}/", "sessions/?view=timeline", "money/insight/?by=day"):
        page.goto(f"{address}/w/{day.pk}/{tail}")
        for chart in page.locator("[data-chart]:visible").all():
            chart.focus()
            page.keyboard.press("ArrowLeft")
            read = chart.locator(".rail-box > span").all_text_contents()
            assert any(read), (tail, read)
            expect(page.locator("#announcer")).to_have_text(", ".join(read))
        assert page.locator("[data-chart]:visible").count(), tail
        assert results(page) == [], tail
