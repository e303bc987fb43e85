"""Pages in print: the same content, black on white in any theme, without controls."""

import pytest
from playwright.sync_api import Browser, Page, expect

from orchestration.models import Entry
from tests.dashboard.seeds import entries as seed
from tests.journeys.conftest import logged_in
from workspaces.models import Workspace

LUMINANCE = """el => { const [r, g, b] = getComputedStyle(el).%s.match(/[\\d.]+/g).map(Number); return 0.299 * r + 0.587 * g + 0.114 * b; }"""


def on_paper(browser: Browser, address: str, scheme: str) -> Page:
    page = logged_in(browser, address, color_scheme=scheme).new_page()
    page.emulate_media(media="print", color_scheme=scheme)
    return page


def test_the_list_of_entries_is_printed_with_its_rows(browser: Browser, address: str, workspace: Workspace) -> None:
    page = on_paper(browser, address, "light")
    page.goto(f"{address}/w/{workspace.pk}/backlog/")
    expect(page.locator("#entries table tbody tr").first).to_be_visible()
    expect(page.locator(".tick").first).to_be_hidden()
    expect(page.locator("#bulk .picked-bar")).to_be_hidden()
    page.context.close()


@pytest.mark.parametrize("theme", ["system", "dark"])
def test_dark_is_for_screens_and_paper_is_white(browser: Browser, address: str, workspace: Workspace, theme: str) -> None:
    page = on_paper(browser, address, "dark")
    entry = Entry.objects.get(workspace=workspace, seq=1)
    for tail in ("", f"backlog/{entry.pk}/", "money/", "money/reviews/"):
        page.goto(f"{address}/w/{workspace.pk}/{tail}")
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        ink, back = (
            page.locator(where).first.evaluate(LUMINANCE % what) for where, what in (("h2", "color"), ("body", "backgroundColor"))
        )
        assert ink < 60 and back > 240, (tail, ink, back)
    page.context.close()


def test_the_first_steps_of_a_new_workspace_stand_on_lines_of_their_own(page: Page, address: str, transactional_db: None) -> None:
    page.goto(f"{address}/w/{seed.empty().pk}/")
    steps = page.locator(".begin-steps li")
    assert [steps.nth(n).bounding_box()["height"] < 60 for n in range(3)] == [True] * 3  # type: ignore[index]
    assert steps.nth(1).bounding_box()["y"] > steps.nth(0).bounding_box()["y"] + 15  # type: ignore[index]
