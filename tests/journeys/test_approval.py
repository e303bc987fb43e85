"""A person reviews work in a browser before it lands: without a barrier, on a phone and in the dark, by mouse or without script."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from orchestration.models import Landing, Session
from tests.dashboard.seeds import entries as seed
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import results
from tests.orchestration.worker.sessions.conftest import shop
from tests.orchestration.worker.sessions.shop import Shop, entry_of, rounds_of

__all__ = ["shop"]
Waiting = tuple[Shop, Session, Landing]

# Writes a file of some lines, and changes one that is there.
AGENT = "printf 'def total(prices):\\n    return sum(prices)\\n' > total.py; printf 'hello, shop\\n' > README"


@pytest.fixture
def work(transactional_db: None, shop: Callable[..., Shop]) -> Iterator[Waiting]:
    seed.tick()
    work = shop(AGENT, verify=[{"name": "ok", "run": "true"}], approve={"mode": "always"})
    session = work.run(content="Sum the prices\nOf all of them.", files=["total.py", "README"])
    yield work, session, Landing.objects.get(entry_id=session.entry_id, state="waiting")


def review(address: str, work: Waiting) -> str:
    return f"{address}/w/{work[0].workspace.pk}/backlog/{work[1].entry_id}/?tab=review"


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"), (320, "light")])
def test_the_review_has_no_barrier(browser: Browser, address: str, work: Waiting, width: int, scheme: str) -> None:
    context = logged_in(browser, address, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{review(address, work)}&file=total.py&line=2")
    page.evaluate("document.querySelectorAll('main details').forEach((details) => { details.open = true; })")
    assert results(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_a_comment_on_a_line_is_what_the_agent_reads_first(work: Waiting, page: Page, address: str) -> None:
    # `work` comes first, so that the page is closed before its workspace is gone: an open page would be refused.
    page.goto(f"{address}/w/{work[0].workspace.pk}/backlog/")
    page.click("text=Review changes")
    numbers = page.locator("[data-path='total.py'] .nums")
    rows = numbers.inner_text().split("\n")
    row = next(n for n, numbers_of_row in enumerate(rows) if numbers_of_row[6:].strip() == "2")
    height = (numbers.bounding_box() or {})["height"] / len(rows)
    numbers.click(position={"x": 10, "y": (row + 0.5) * height})
    expect(page.locator("#comment-line")).to_have_value("2")
    page.keyboard.type("Round to cents")
    page.click("#add-comment")
    expect(page.locator("#comment")).to_contain_text("return sum(prices)")
    page.fill("#note", "Nearly")
    page.click("#send-back")
    expect(page.locator("main")).to_contain_text("Nothing of this entry waits for approval")
    assert rounds_of(work[1])[0].findings == [
        "review by ana: Nearly",
        "review by ana: total.py, line 2: Round to cents\n>     return sum(prices)",
    ]


def test_what_a_person_approves_without_script_lands(browser: Browser, address: str, work: Waiting) -> None:
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    page.goto(review(address, work))
    page.focus("#approve")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("ana approved")
    context.close()
    work[0].land()
    assert entry_of(work[1]).status == "done" and work[0].merged("total.py") is not None
