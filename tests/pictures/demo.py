"""Pictures of the demo as it runs."""

import re
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.faults.harness import Running, until
from tests.pictures import PLACE, WIDE

FRAMES, EVERY_S = 16, 3.0
SMALL = (960, 645)


def take() -> None:
    folder = Path(tempfile.mkdtemp(prefix="muster-pictures-"))
    running = Running(folder / "data", demo=True)
    try:
        until(running.is_ready, 60)
        _take(running, folder)
    finally:
        running.process.terminate()
        running.process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _take(running: Running, folder: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]})
        page = context.new_page()
        matches = re.search(r"http://\S+/login/link/\S+", running.output)
        assert matches, running.output
        page.goto(matches[0])
        page.click(".card h3 a")
        frames = []
        for number in range(FRAMES):
            page.wait_for_timeout(EVERY_S * 1000)
            page.screenshot(path=folder / f"{number}.png")
            frames.append(Image.open(folder / f"{number}.png").convert("RGB").resize(SMALL, Image.Resampling.LANCZOS))
            if number == 6:
                page.screenshot(path=PLACE / "workspace.png", clip={"x": 0, "y": 0, "width": WIDE[0], "height": WIDE[1]})
        _still(page, page.url + "backlog/", "entries.png")
        _round(page, page.url.removesuffix("backlog/"))
        browser.close()
    small = [frame.quantize(96, dither=Image.Dither.NONE) for frame in frames]
    small[0].save(PLACE / "demo.gif", save_all=True, append_images=small[1:], duration=1200, loop=0, optimize=True)


def _still(page: Page, url: str, name: str) -> None:
    page.goto(url)
    page.wait_for_timeout(800)
    page.screenshot(path=PLACE / name)


def _round(page: Page, home: str) -> None:
    """The diff of an entry's most expensive round, two clicks from its page."""
    began = time.monotonic()
    page.goto(f"{home}money/entries/?sort=-spent")
    page.click("tbody th a.title >> nth=0")
    page.locator("#rounds tr", has_text="expensive").locator("a[href$='#diff']").click()
    page.wait_for_timeout(1200)
    page.screenshot(path=PLACE / "round.png")
    print(f"found in {time.monotonic() - began:.1f} s")
