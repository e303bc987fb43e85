"""Acceptance points 18 to 24: money, at the full seed. (25 is in test_reviews.py.)"""

import csv
import io
import re
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, expect

from budget import amounts
from budget.allocation import reallocation
from budget.forecast import projection, record
from budget.models import Account, BudgetChange, LedgerEntry, Project
from orchestration.executor import control
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds import money as seed_money
from tests.journeys.points import Site, looking, site, transactional_db

__all__ = ["site", "transactional_db"]


def test_18_what_is_spent_is_the_same_everywhere(browser: Browser, site: Site) -> None:
    context, page = looking(browser, site)
    spent = Project.objects.get(pk=site.full.workspace.pk).total_spent
    page.goto(site.home)
    assert page.get_attribute("#header-spent", "data-value") == str(spent)
    assert page.get_attribute("#budget dd[data-value]", "data-value") == str(spent)
    page.goto(f"{site.home}money/")
    assert page.get_attribute("#summary strong", "data-value") == str(spent)
    assert page.get_attribute("#categories-table tfoot [data-label=Spent]", "data-value") == str(spent)
    page.goto(f"{site.home}money/ledger/")
    assert amounts.format_usd(spent) in page.inner_text("main")
    response = context.request.get(f"{site.home}money/ledger/?format=csv")
    rows = csv.DictReader(io.StringIO(response.text()))
    assert sum(Decimal(row["amount_usd"]) for row in rows) == Decimal(spent) / 1_000_000
    assert sum(LedgerEntry.objects.filter(project_id=site.full.workspace.pk).values_list("amount", flat=True)) == spent
    context.close()


def test_19_categories_add_up_as_they_are_shown_and_printed(browser: Browser, site: Site) -> None:
    context, page = looking(browser, site)
    page.goto(f"{site.home}money/")
    for medium in ("screen", "print"):
        page.emulate_media(media=medium)  # type: ignore[arg-type]
        shown = [amount(text) for text in page.locator("#categories-table tbody [data-label=Spent]").all_inner_texts()]
        assert sum(shown) == amount(page.inner_text("#categories-table tfoot [data-label=Spent]"))
    context.close()


def test_20_amounts_are_written_by_one_hand(browser: Browser, site: Site) -> None:
    context, page = looking(browser, site)
    page.goto(f"{site.address}/styleguide/")
    shown = dict(
        zip(
            page.locator("table[class=''] tbody th, section:has(#sg-money) tbody th").all_inner_texts(),
            page.locator("section:has(#sg-money) tbody td").all_inner_texts(),
            strict=True,
        )
    )
    assert (shown["3200"], shown["0"], shown["1234500000"], shown["40"]) == ("$0.0032", "$0.00", "$1,234.50", "<$0.0001")
    assert shown["None"].startswith("—") and shown["-3200000"] == "−$3.20"
    page.goto(f"{site.home}money/ledger/")
    styles = page.evaluate(
        "[...document.querySelectorAll('td.n')].map((td) => { const s = getComputedStyle(td); return [s.textAlign, s.fontVariantNumeric]; })"
    )
    assert styles and all(align == "right" and "tabular-nums" in numeric for align, numeric in styles)
    context.close()


def test_21_the_cap_shows_its_effect_and_that_of_a_lower_one(browser: Browser, site: Site) -> None:
    context, page = looking(browser, site)
    page.goto(site.home)
    expect(page.locator("#budget")).to_contain_text("Hard cap: no session starts that could exceed $900.00")
    page.click("#cap-edit summary")
    page.fill("#cap-amount", "100")
    page.click("#cap-edit button")
    expect(page.locator("#result")).to_contain_text("already spent: no session starts until the cap is raised")
    assert Project.objects.get(pk=site.full.workspace.pk).max_project_spend == amounts.usd("900")
    context.close()


def test_22_an_entry_without_a_budget_names_what_binds_it(browser: Browser, site: Site) -> None:
    target = site.entry(300)
    kept = Account.objects.values("budget", "own_budget").get(pk=target.pk)
    Account.objects.filter(pk=target.pk).update(budget=0, own_budget=False)
    context, page = looking(browser, site)
    page.goto(f"{site.home}backlog/{target.pk}/?tab=budget")
    expect(page.locator("main")).to_contain_text(re.compile(r"limited by [^$]+\$[\d,.]+\s+left"))
    context.close()
    Account.objects.filter(pk=target.pk).update(**kept)


def test_23_a_locked_budget_stays_and_shows_who_and_why(browser: Browser, site: Site) -> None:
    locked = site.full.locked
    before = Account.objects.get(pk=locked.pk).budget
    outcome = reallocation.run(site.full.workspace.pk, by=seed.ANA, source=BudgetChange.Source.ALLOCATION)
    assert locked.pk in [target.account_id for target in outcome.skipped]
    assert Account.objects.get(pk=locked.pk).budget == before
    context, page = looking(browser, site)
    page.goto(f"{site.home}money/entries/?locked=1")
    row = page.locator(f"#row-{locked.pk}")
    expect(row).to_contain_text("bea")
    expect(row).to_contain_text("agreed in review 14")
    page.goto(f"{site.home}money/entries/?locked=1&release={locked.pk}")
    page.click(f"#row-{locked.pk} button:has-text('Unlock')")
    assert Account.objects.get(pk=locked.pk).human_locked  # the field for the reason is required
    page.goto(f"{site.home}settings/activity/?verb=budget")
    expect(page.locator("main")).to_contain_text("1 skipped")
    context.close()


def test_24_the_burn_up_has_all_its_marks_or_names_what_is_missing(
    browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = seed_money.a_day("A day")
    monkeypatch.setattr(projection, "MIN_ROUNDS", 3)
    record.refresh(day.pk)
    young = seed.empty("Young")
    control.start(young.pk, by=seed.ANA)
    context, page = looking(browser, site)
    page.goto(f"{site.address}/w/{day.pk}/money/")
    chart = page.locator("#burnup-title").locator("xpath=ancestor::*[name()='svg']")
    for mark in (".name-cap", ".now", ".forecast", ".band"):
        assert chart.locator(mark).count() > 0, mark
    expect(page.locator("#over-time figcaption")).to_contain_text("ranges are the 10 % to 90 % of")
    page.click("#burnup-figures summary")
    last = page.locator("#burnup-figures tbody tr").last.locator("td").last
    assert last.get_attribute("data-value") == str(Project.objects.get(pk=day.pk).total_spent)
    page.goto(f"{site.address}/w/{young.pk}/money/")
    expect(page.locator("#over-time figcaption")).to_contain_text("Not enough data yet")
    expect(page.locator("#summary")).to_contain_text("No forecast")
    context.close()


def amount(text: str) -> Decimal:
    return Decimal(text.strip().replace("$", "").replace(",", "").replace("−", "-"))
