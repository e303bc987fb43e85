"""The budget pages in a browser: keyboard, live updates, small screens, dark theme, print and accessibility."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from budget import amounts
from budget.amounts import usd
from budget.limits import caps
from budget.models import Account, Category
from orchestration.messaging import wake_ups
from orchestration.models import Entry
from tests.dashboard.seeds import money as seed_money
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import RULES, open_live, results
from workspaces.models import Workspace

TAILS = ("", "?range=all", "entries/", "entries/?q=nothing", "rounds/", "ledger/", "changes/", "reallocate/")


@pytest.fixture
def day(transactional_db: None) -> Workspace:
    return seed_money.a_day()


def entry(workspace: Workspace, seq: int) -> Entry:
    return Entry.objects.select_related("account").get(workspace=workspace, seq=seq)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (360, "light")])  # test_34 has every page in both schemes
def test_the_budget_pages_are_accessible(browser: Browser, address: str, day: Workspace, scheme: str, width: int) -> None:
    context = logged_in(browser, address, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    target, row = entry(day, 2), day.project.ledger.order_by("id")[0]
    places = [
        *(f"money/{tail}" for tail in TAILS),
        f"money/ledger/{row.pk}/correct/",
        f"backlog/{target.pk}/",
        f"money/entries/?edit={target.pk}",
    ]
    for place in places:
        page.goto(f"{address}/w/{day.pk}/{place}")
        page.wait_for_timeout(300)
        assert results(page) == [], place
    context.close()


def test_no_page_is_wider_than_a_small_phone(browser: Browser, address: str, day: Workspace) -> None:
    context = logged_in(browser, address, viewport={"width": 320, "height": 640})
    page = context.new_page()
    for place in [*(f"money/{tail}" for tail in TAILS), f"backlog/{entry(day, 2).pk}/"]:
        page.goto(f"{address}/w/{day.pk}/{place}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, place
    context.close()


def test_a_budget_is_edited_in_its_cell_by_keyboard(page: Page, address: str, day: Workspace) -> None:
    open_live(page, address, day, "money/entries/")
    target = entry(day, 5)
    page.focus(f"#budget-{target.pk}")
    page.keyboard.press("Enter")
    expect(page.locator(f"#amount-{target.pk}")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(f"#budget-{target.pk}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(f"#amount-{target.pk}")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("7.25")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_contain_text("$7.25")
    expect(page.locator(f"#row-{target.pk}")).to_contain_text("Locked")
    expect(page.locator(f"#budget-{target.pk}")).to_be_focused()
    assert Account.objects.get(pk=target.pk).budget == usd("7.25")


def test_a_lock_is_set_at_once_and_released_with_a_reason_by_keyboard(page: Page, address: str, day: Workspace) -> None:
    open_live(page, address, day, "money/entries/")
    target = entry(day, 6)
    page.focus(f"#lock-{target.pk}")
    page.keyboard.press("Enter")
    expect(page.locator(f"#lock-{target.pk}")).to_contain_text("Locked")
    expect(page.locator(f"#lock-{target.pk}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(f"#why-{target.pk}")).to_be_focused()
    page.keyboard.type("agreed in the review")
    page.keyboard.press("Enter")
    expect(page.locator(f"#lock-{target.pk}")).to_contain_text("Auto")
    assert not Account.objects.get(pk=target.pk).human_locked


def test_what_is_typed_survives_money_that_moves(page: Page, address: str, day: Workspace) -> None:
    open_live(page, address, day, "money/entries/")
    target = entry(day, 5)
    page.click(f"#budget-{target.pk}")
    field = page.locator(f"#amount-{target.pk}")
    expect(field).to_be_focused()
    field.fill("")
    for digit in "3.75":
        field.press_sequentially(digit)
        wake_ups.publish_change(day.pk, "budget", "entries")
        page.wait_for_timeout(600)
    expect(field).to_have_value("3.75")
    expect(field).to_be_focused()


def test_spend_shows_in_every_region_without_a_reload(page: Page, address: str, day: Workspace) -> None:
    open_live(page, address, day, "money/")
    page.evaluate("window.same = true")
    seed_money.book(day, None, "5", Category.EXPANSION, hours=0)
    wake_ups.publish_change(day.pk, "budget")
    day.project.refresh_from_db()
    spent = f"${day.project.total_spent / 1e6:.2f}"
    for region in ("#summary", "#by-category tfoot", "#caps", "#header"):
        expect(page.locator(region)).to_contain_text(spent, timeout=15_000)
    assert page.evaluate("window.same")


def test_two_people_and_one_budget(browser: Browser, address: str, day: Workspace) -> None:
    context = logged_in(browser, address)
    page = context.new_page()
    target = entry(day, 5)
    page.goto(f"{address}/w/{day.pk}/money/entries/")
    page.click(f"#budget-{target.pk}")
    page.locator(f"#amount-{target.pk}").fill("9")
    caps.edit(target.account, usd(3), by=seed_money.BEA)
    page.locator(f"#amount-{target.pk}").press("Enter")
    expect(page.locator("#result")).to_contain_text("bea changed it from $6.00 to $3.00")
    expect(page.locator(f"#amount-{target.pk}")).to_have_value("9")
    page.click("#result .commit")
    expect(page.locator("#result")).to_contain_text("is now $9.00")
    assert Account.objects.get(pk=target.pk).budget == usd(9)
    context.close()


def test_the_selected_entries_are_changed_together(page: Page, address: str, day: Workspace) -> None:
    open_live(page, address, day, "money/entries/")
    for seq in (6, 7):
        Account.objects.filter(pk=entry(day, seq).account_id).update(budget=usd("4"))
    page.reload()
    share = entry(day, 6).account.budget
    for seq in (6, 7):
        page.check(f"#row-{entry(day, seq).pk} input[type=checkbox]")
    page.select_option("#bulk-do", "percent")
    page.fill("#bulk-value", "-50")
    page.click("text=Change selected")
    expect(page.locator("#result")).to_contain_text("Budgets of 2 entries changed")
    expect(page.locator(f"#row-{entry(day, 6).pk}")).to_contain_text(amounts.format_usd(share // 2))
    assert not page.is_checked(f"#row-{entry(day, 6).pk} input[type=checkbox]")


def test_the_first_view_is_light(browser: Browser, address: str, day: Workspace) -> None:
    """At most 100 KB and 1,400 elements, on the page with the charts."""
    context = logged_in(browser, address)
    page = context.new_page()
    page.goto(f"{address}/w/{day.pk}/money/")
    page.wait_for_timeout(500)
    entries = "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
    sent = page.evaluate(f"{entries}.reduce((sum, one) => sum + one.transferSize, 0)")
    assert sent <= 100_000 and page.evaluate("document.querySelectorAll('*').length") <= 1400, sent
    context.close()


def test_the_pages_are_printed_without_controls(browser: Browser, address: str, day: Workspace) -> None:
    context = logged_in(browser, address)
    page = context.new_page()
    for tail in ("", "entries/"):
        page.goto(f"{address}/w/{day.pk}/money/{tail}")
        page.emulate_media(media="print")
        for control in (".header", ".tabs", "#stop-all", ".chips", ".sections", "#bulk"):
            assert not page.locator(control).first.is_visible(), control
        expect(page.locator(".printed")).to_be_visible()
        assert len(page.pdf(format="A4")) > 10_000
        assert page.evaluate("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
    context.close()


def test_an_open_table_of_figures_stays_open(page: Page, address: str, day: Workspace) -> None:
    open_live(page, address, day, "money/")
    page.click("#burnup-figures > summary")
    seed_money.book(day, None, "0.5", Category.EXPANSION, hours=0)
    wake_ups.publish_change(day.pk, "budget")
    expect(page.locator("#burnup-figures")).to_contain_text("$2.36", timeout=15_000)
    assert page.evaluate("document.getElementById('burnup-figures').open")
    assert Axe().run(page, options=RULES).response["violations"] == []
