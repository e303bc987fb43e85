"""Acceptance points 11, 12, 14, 15 and 30: truth and freshness. (13 and 17 are in test_logs.py and test_workers.py, 16 in test_entries.py.)"""

import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.overview import views as overview
from dashboard.shared.page_request import PageRequest
from orchestration.backlog import entry_actions
from orchestration.executor import control
from orchestration.models import Entry
from tests.dashboard.seeds import entries as seed
from tests.faults.harness import Client, Running
from tests.journeys.test_pages import open_live
from tests.orchestration.git.repositories import a_repository
from workspaces.models import Workspace

# What drops the stream and nothing else: every event source of the page is closed, and none can be opened until `streamsBack`.
DROP = """() => { const old = htmx.createEventSource; window.dropped = true;
  const Dead = class extends EventTarget { constructor() { super(); this.readyState = 2; setTimeout(() => this.onerror?.(new Event('error')), 50); } close() {} };
  const real = htmx.createEventSource;
  htmx.createEventSource = (url) => window.dropped ? new Dead() : real(url);
  window.sources.forEach((source) => { source.close(); source.onerror?.(new Event('error')); }); }"""
REMEMBER = """window.sources = new Set(); document.addEventListener('htmx:sseOpen', (event) => window.sources.add(event.detail.source));"""


def text_of_regions(page: Page) -> dict[str, str]:
    """The text of each live region, without its clocks."""
    texts: dict[str, str] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('[data-live]')].map((el) => {
          const copy = el.cloneNode(true); copy.querySelectorAll('time, #tick').forEach((t) => t.remove()); return [el.id, copy.textContent.replace(/\\s+/g, ' ')]; }))"""
    )
    return texts


def test_11_and_12_a_dropped_stream_is_reported_and_recovers(troubled_page: Page, address: str, workspace: Workspace) -> None:
    page = troubled_page
    page.add_init_script(REMEMBER)
    page.add_init_script("window.real = Date.now; Date.now = () => window.real() + (window.later || 0)")
    open_live(page, address, workspace)
    page.evaluate(DROP)
    page.evaluate("window.later = 16000")
    expect(page.locator("#freshness")).to_contain_text("Reconnecting", timeout=15_000)
    page.evaluate("window.later = 31000")
    expect(page.locator("#connection")).to_contain_text("Data from", timeout=15_000)
    expect(page.locator("#connection")).to_contain_text("old")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('#workers'), '::after').content === '\"stale\"'", timeout=5000
    )
    frozen = page.locator("#workers time").all_inner_texts()
    page.wait_for_timeout(2500)
    page.route(re.compile(r"[?&]live="), lambda route: route.abort())
    assert page.locator("#workers time").all_inner_texts() == frozen
    page.unroute(re.compile(r"[?&]live="))
    control.pause(workspace.pk, by=seed.ANA)  # this page gets no notification
    page.click("#stop-all")
    page.click("#stop-all-now")
    expect(page.locator("#result")).to_contain_text("asked to stop")
    page.evaluate("window.dropped = false; window.later = 0")
    expect(page.locator("#connection")).to_be_empty(timeout=15_000)
    expect(page.locator("#freshness")).to_have_attribute("data-state", "live")
    page.wait_for_timeout(500)
    kept = text_of_regions(page)
    page.reload()
    expect(page.locator("#freshness")).to_have_attribute("data-state", "live")
    assert kept == text_of_regions(page)


def test_14_an_executor_that_is_halted_is_unknown_while_the_stream_lives(
    browser: Browser, start: Callable[..., Running], tmp_path: Path
) -> None:
    """A real Muster. Its control worker is halted, not killed: `up` would start another one at once."""
    muster = start(MUSTER_REPO_ROOTS=str(tmp_path), MUSTER_TICK_S="1")
    repo = a_repository(tmp_path / "repo")
    client = Client(muster)
    created = client.call(
        "POST", "/workspaces", {"name": "Halted", "repo": str(repo), "total_budget_usd": 5, "max_project_spend_usd": 5}
    )
    client.call("POST", f"/workspaces/{created['id']}/orchestration/executor/start")
    page = browser.new_context().new_page()
    page.goto(re.search(r"http://\S+", muster.muster("login_link"))[0])  # type: ignore[index]
    page.goto(f"http://127.0.0.1:{muster.port}/w/{created['id']}/")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "live", timeout=10_000)
    expect(page.locator("#header")).to_have_attribute("data-shown", "idle", timeout=10_000)
    control_worker = muster.children()["control"]
    os.kill(control_worker, signal.SIGSTOP)
    try:
        expect(page.locator("#header")).to_have_attribute("data-shown", "unknown", timeout=15_000)
        expect(page.locator("#header")).to_contain_text("Unknown")
        expect(page.locator("#freshness")).to_have_attribute("data-state", "live")
    finally:
        os.kill(control_worker, signal.SIGCONT)
    expect(page.locator("#header")).to_have_attribute("data-shown", "idle", timeout=15_000)
    page.context.close()  # one that is left asks a server that has ended, again and again


@pytest.mark.alone
def test_15_a_change_is_seen_within_a_second_wherever_it_shows(page: Page, address: str, workspace: Workspace) -> None:
    open_live(page, address, workspace, "backlog/")
    target = Entry.objects.get(workspace=workspace, seq=5)
    took = []
    for number in range(20):
        act, words = (entry_actions.put_on_hold, "hold Blocked") if number % 2 == 0 else (entry_actions.resume, "Waiting Ready")
        began = time.monotonic()
        act(seed.fresh(target), by=seed.ANA)
        page.wait_for_function(
            "([id, words]) => words.split(' ').some((word) => document.querySelector(`#${id} .badge`)?.textContent.includes(word))",
            arg=[f"row-{target.pk}", words],
            timeout=5000,
            polling=20,
        )
        took.append(time.monotonic() - began)
        page.wait_for_timeout(650)
    p95 = quantiles(took, n=20)[-1]
    print(f"event to pixels: median {sorted(took)[10] * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms")
    assert p95 <= 1.0, took
    nav = page.inner_text(".sections a[data-key=e] .count")
    assert nav == str(Entry.objects.filter(workspace=workspace, deleted_at__isnull=True).exclude(status="done").count())


def test_30_a_failing_region_is_reported_and_the_others_continue(
    troubled_page: Page, address: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, healthy = troubled_page, overview.REGIONS["workers"]

    def fail(page_request: PageRequest) -> dict[str, Any]:
        raise RuntimeError("broken")

    open_live(page, address, workspace)
    monkeypatch.setitem(overview.REGIONS, "workers", replace(healthy, build=fail))
    control.pause(workspace.pk, by=seed.ANA)
    expect(page.locator("#workers .region-error")).to_contain_text(re.compile(r"could not be refreshed since .* \(request \w+\)"))
    expect(page.locator("#header")).to_have_attribute("data-state", "paused")
    monkeypatch.setitem(overview.REGIONS, "workers", healthy)
    page.click("#workers .region-error button")
    expect(page.locator("#workers .region-error")).to_have_count(0)


def test_30_a_server_that_does_not_answer_is_reported_until_it_does(
    troubled_page: Page, address: str, workspace: Workspace
) -> None:
    page = troubled_page
    open_live(page, address, workspace)
    page.route(
        re.compile(r"[?&]live="), lambda route: route.fulfill(status=500, headers={"X-Request-Id": "abcdef12"}, body="broken")
    )
    control.pause(workspace.pk, by=seed.ANA)
    expect(page.locator("#connection")).to_contain_text("the server responded with 500 (request abcdef12)")
    page.unroute(re.compile(r"[?&]live="))
    page.route(re.compile(r"[?&]live="), lambda route: None)  # never answered
    expect(page.locator("#connection")).to_contain_text("no response", timeout=25_000)
    page.unroute(re.compile(r"[?&]live="))
    expect(page.locator("#header")).to_have_attribute("data-state", "paused")
    expect(page.locator("#connection")).to_be_empty()
