"""One entry and its rounds in a browser: the most expensive round in seconds, an inline preflight, accessible diffs."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from orchestration.executor import control, explain
from orchestration.messaging import wake_ups
from orchestration.models import Entry, FileLock, Session
from tests.dashboard.entry.test_page import startable
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.rounds import worked_on
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import open_live, results
from workspaces.models import Event, Workspace


@pytest.fixture
def entry(workspace: Workspace, tmp_path: Path) -> Entry:
    return worked_on(workspace, tmp_path)


def test_two_clicks_lead_from_the_entry_to_the_diff_of_its_most_expensive_round(page: Page, address: str, entry: Entry) -> None:
    page.goto(f"{address}/w/{entry.workspace_id}/backlog/{entry.pk}/")
    most_expensive = page.locator("#rounds tr", has_text=re.compile(r"most\s+expensive"))
    expect(most_expensive).to_contain_text(re.compile(r"^\s*Round 1\b.*\$0\.31", re.DOTALL))
    assert [bar.bounding_box()["height"] > 10 for bar in page.locator("#rounds rect.bar").all()] == [True, True]  # type: ignore[index]
    most_expensive.locator("a[href$='#diff']").click()
    expect(page.locator("#diff ins").first).to_contain_text("text: str")
    expect(page.locator("#diff-h")).to_be_in_viewport()


def test_bracket_keys_lead_to_the_neighbouring_rounds(page: Page, address: str, entry: Entry) -> None:
    page.goto(f"{address}/w/{entry.workspace_id}/backlog/{entry.pk}/rounds/1/")
    page.keyboard.press("]")
    page.wait_for_url("**/rounds/2/")
    page.keyboard.press("[")
    page.wait_for_url("**/rounds/1/")
    page.locator("#compare").select_option("2")
    page.click("text=Compare >> nth=-1")
    expect(page.locator("#diff-h")).to_have_text("From round 2 to round 1")


def test_colours_are_painted_without_an_element(page: Page, address: str, entry: Entry) -> None:
    page.goto(f"{address}/w/{entry.workspace_id}/backlog/{entry.pk}/rounds/1/")
    painted = "[...CSS.highlights.get('k')].map((r) => r.startContainer.data.slice(r.startOffset, r.endOffset))"
    assert "def" in page.evaluate(painted) and "return" in page.evaluate(painted)
    assert page.evaluate("document.querySelectorAll('#diff .lines *').length") < 20
    heights = "['.nums', '.lines'].map((c) => document.querySelector(`#diff ${c}`).textContent.trimEnd().split('\\n').length)"
    assert len(set(page.evaluate(heights))) == 1
    tops = page.evaluate(
        "(() => { const n = document.querySelector('.nums').getBoundingClientRect(), l = document.querySelector('.code-lines')"
        ".getBoundingClientRect(); return [n.top - l.top, n.height - l.height]; })()"
    )
    assert all(abs(off) < 1.5 for off in tops)


def test_the_preflight_opens_in_place_and_follows_what_changes(page: Page, address: str, workspace: Workspace) -> None:
    entry = Entry.objects.get(workspace=workspace, seq=5)
    open_live(page, address, workspace, f"backlog/{entry.pk}/")
    page.click("#preflight-open")
    rows = page.locator("#preflight-checks tbody tr")
    confirmation = explain.reasons(workspace.pk, [entry.pk])[entry.pk].checks
    expect(rows).to_have_count(len(confirmation))
    assert [row.get_attribute("data-check") for row in rows.all()] == [check.code for check in confirmation]
    expect(page.locator("#dispatch-entry")).to_have_count(0)
    control.pause(workspace.pk, by=seed.ANA)
    expect(page.locator("#preflight")).to_contain_text("View executor", timeout=15_000)
    assert results(page) == []


def test_dispatch_now_asks_why_and_leads_to_the_session(page: Page, address: str, workspace: Workspace) -> None:
    entry = startable(workspace)
    others = Entry.objects.filter(workspace=workspace, status="pending").exclude(pk=entry.pk)
    others.update(status="blocked", reason_code="human_hold")
    open_live(page, address, workspace, f"backlog/{entry.pk}/")
    page.click("#preflight-open")
    page.click("#dispatch-entry")  # the browser asks for the reason first
    assert not Session.objects.filter(entry=entry, status="claimed").exists()
    page.fill("#dispatch-why", "the customer waits")
    page.click("#dispatch-entry")
    expect(page.locator("#result")).to_contain_text("as round 1")
    assert Event.objects.get(verb="entry.dispatch").reason == "the customer waits"
    expect(page.locator("#preflight")).to_contain_text("already in progress", timeout=15_000)
    page.click("#result a")
    page.wait_for_url(f"**/{Session.objects.get(entry=entry, status='claimed').pk}/")


def test_a_dependency_is_added_and_a_cycle_named_in_place(browser: Browser, address: str, workspace: Workspace) -> None:
    context = logged_in(browser, address)  # whose console may report the refusal
    page = context.new_page()
    five, twelve = (Entry.objects.get(workspace=workspace, seq=seq) for seq in (5, 12))
    open_live(page, address, workspace, f"backlog/{five.pk}/?tab=deps")
    page.fill("#depends-on", "#12")
    page.keyboard.press("Enter")
    expect(page.locator("#deps")).to_contain_text("Document the public functions", timeout=15_000)
    open_live(page, address, workspace, f"backlog/{twelve.pk}/?tab=deps")
    page.fill("#depends-on", "5")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_contain_text("#12 → #5 → #12")
    context.close()


def test_typing_a_reason_survives_the_swaps(page: Page, address: str, workspace: Workspace) -> None:
    entry = Entry.objects.get(workspace=workspace, seq=5)
    open_live(page, address, workspace, f"backlog/{entry.pk}/")
    page.click("#entry-more summary")
    page.locator("#act-reason").press_sequentially("not before")
    for _ in range(3):
        wake_ups.publish_change(workspace.pk, "entries", "budget")
        page.wait_for_timeout(300)
    page.locator("#act-reason").press_sequentially(" May")
    expect(page.locator("#act-reason")).to_have_value("not before May")
    page.click("#act-hold")
    expect(page.locator("#status")).to_contain_text("not before May", timeout=15_000)


def test_without_script_the_preflight_is_a_page(browser: Browser, address: str, workspace: Workspace) -> None:
    entry = startable(workspace)
    FileLock.objects.all().delete()
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/w/{workspace.pk}/backlog/{entry.pk}/")
    page.click("#preflight-open")
    page.fill("#dispatch-why", "by hand")
    page.click("#dispatch-entry")
    expect(page.locator("#result")).to_contain_text(f"#{entry.seq}")
    page.goto(f"{address}/w/{workspace.pk}/backlog/{entry.pk}/?tab=deps")
    assert Event.objects.filter(verb="entry.dispatch", reason="by hand").exists()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (360, "light")])  # each width and each scheme once
def test_entry_round_and_diff_are_accessible(
    browser: Browser, address: str, workspace: Workspace, entry: Entry, scheme: str, width: int
) -> None:
    """axe finds nothing, no page is wider than its screen, and none holds too many elements."""
    context = logged_in(browser, address, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    waits = Entry.objects.get(workspace=workspace, seq=8)
    tabs = [f"backlog/{entry.pk}/{tab}" for tab in ("", "?tab=budget", "?tab=history", "?tab=locks")]
    tabs += [f"backlog/{waits.pk}/{tab}" for tab in ("?tab=brief", "?tab=deps", "preflight/")]
    rounds = [f"backlog/{entry.pk}/{tail}" for tail in ("rounds/1/", "rounds/2/?compare=1", "diff/", "diff/?file=none")]
    for tail in [*tabs, *rounds]:
        page.goto(f"{address}/w/{workspace.pk}/{tail}")
        page.wait_for_timeout(200)
        assert results(page) == [], tail
        assert page.evaluate("document.querySelectorAll('*').length") < 1400, tail
    context.close()
