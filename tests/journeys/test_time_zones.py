"""A person changes their zone on their account's page, and every time that they read is another one."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.timezone import now
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds import money as seed_money
from tests.journeys.conftest import logged_in
from workspaces import people
from workspaces.models import Workspace


def times_of(page: Page) -> list[tuple[str, str]]:
    return page.eval_on_selector_all("time[datetime]", "all => all.map(one => [one.dateTime, one.title])")


def test_changing_the_zone_changes_every_time_axis_and_day(page: Page, address: str, transactional_db: None) -> None:
    day = seed_money.a_day()
    Workspace.objects.filter(pk=day.pk).update(created_at=now() - timedelta(days=7))  # a chart begins with its workspace
    budget = f"{address}/w/{day.pk}/money/"
    page.goto(f"{budget}?range=7d")
    assert all(title.endswith(" UTC") for _, title in times_of(page))
    page.goto(f"{address}/account/")
    page.fill("#time_zone", "Asia/Kathmandu")
    page.click("#prefer")
    expect(page.locator("#zone-help")).to_contain_text("UTC+05:45 in Asia/Kathmandu")
    for tail in ("?range=7d", "ledger/", "changes/", "entries/"):
        page.goto(budget + tail)
        for iso, title in times_of(page):
            here = datetime.fromisoformat(iso).astimezone(ZoneInfo("Asia/Kathmandu"))
            assert f"{here:%d %b %Y, %H:%M:%S} UTC+05:45" in title
    page.goto(f"{budget}?range=7d")
    expect(page.locator("#over-time figcaption")).to_contain_text("Times in Asia/Kathmandu")
    days = [text for text in page.locator("#over-time svg text").all_text_contents() if re.fullmatch(r"\d+ \w{3}", text)]
    assert days  # ticks at the midnights there: no time next to the day
    expect(page.locator("html")).to_have_attribute("data-zone", "Asia/Kathmandu")


def test_an_age_is_printed_with_its_moment(browser: Browser, address: str, transactional_db: None) -> None:
    workspace = seed.busy()
    people.save_preferences(seed.user(), time_zone="Europe/Berlin")
    context = logged_in(browser, address)
    page = context.new_page()
    page.goto(f"{address}/w/{workspace.pk}/")
    page.emulate_media(media="print")
    shown = page.evaluate("getComputedStyle(document.querySelector('time[data-ago]'), '::after').content")
    assert re.search(r"\(.*\d+ \w{3} \d\d:\d\d.*\)|attr\(data-at\)", shown), shown
    context.close()
