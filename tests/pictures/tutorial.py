"""Pictures of the tutorial, taken while its own commands run."""

import re
import shutil

from playwright.sync_api import Page, sync_playwright

from tests.journeys.tutorial import Reader
from tests.pictures import PLACE

SIZE = {"width": 1280, "height": 640}
WAIT_FOR_IDLE = "while curl"


def take() -> None:
    reader = Reader()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_context(viewport=SIZE).new_page()
            names = iter(["tutorial-blocked.png", "tutorial-done.png"])
            for block, output in reader.follow():
                if block.kind == "server":
                    link = re.search(r"http://\S+/login/link/\S+", output)
                    assert link, output
                    page.goto(link[0])
                elif WAIT_FOR_IDLE in block.commands:
                    _entries(page, next(names))
                    home = page.url
            _rounds(page, home)
            browser.close()
    finally:
        reader.close()


def _entries(page: Page, name: str) -> None:
    page.goto(re.match(r"https?://[^/]+/", page.url)[0])  # type: ignore[index]
    page.click(".card h3 a")
    page.goto(f"{page.url}backlog/")
    page.wait_for_timeout(800)
    page.screenshot(path=PLACE / name)


def _rounds(page: Page, entries: str) -> None:
    page.goto(entries)
    page.click("text=Read a price in cents")
    page.set_viewport_size({"width": SIZE["width"], "height": 1150})
    page.wait_for_timeout(800)
    page.screenshot(path=PLACE / "tutorial-rounds.png")
