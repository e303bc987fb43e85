"""Pictures of a day of money, and of a review of it: from the seed that the tests of these pages have."""

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.pictures import PLACE, WIDE


def take() -> None:
    folder = Path(tempfile.mkdtemp(prefix="muster-pictures-"))
    os.environ |= {"MUSTER_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings", "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
    os.environ |= {"MUSTER_TICK_S": "600"}  # the seed's one tick stays fresh
    import django

    django.setup()
    from django.core.management import call_command

    from tests.dashboard.seeds import entries as seed
    from tests.dashboard.seeds import money as seed_money
    from tests.dashboard.seeds.server import serving

    try:
        call_command("migrate", verbosity=0)
        workspace = seed_money.a_day(times=3)
        seed.tick()
        with serving() as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = page_of(browser, address, "bea")
            page.goto(f"{address}/w/{workspace.pk}/money/")
            page.wait_for_timeout(800)
            page.screenshot(path=PLACE / "budget.png")
            _review(page)
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def page_of(browser: Browser, address: str, name: str, size: tuple[int, int] = WIDE) -> Page:
    from django.test import Client

    from tests.dashboard.seeds import entries as seed

    client = Client()
    client.force_login(seed.user(name))
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
    return context.new_page()


def _review(page: Page) -> None:
    """A draft with two changes proposed."""
    page.click(".sections >> text=Reviews")
    page.fill("#new-title", "Budget of November")
    page.click("text=Freeze figures and start")
    for label, amount, why in (
        ("#2 ", "12", "Two rounds from its goal, and it gains"),
        ("The cap", "70", "For what is left of it"),
    ):
        option = page.locator("#p-target option", has_text=label).first
        page.select_option("#p-target", option.get_attribute("value"))
        page.fill("#p-amount", amount)
        page.fill("#p-reason", why)
        page.click("#propose button")
        page.wait_for_timeout(600)
    page.goto(page.url.split("#")[0])
    page.wait_for_timeout(800)
    page.screenshot(path=PLACE / "review.png", full_page=True)
