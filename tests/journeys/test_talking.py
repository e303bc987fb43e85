"""Questions, answers, instructions and messages in a browser: by keyboard, without a script, and for everybody's eyes."""

import os
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from orchestration.dialogue import messages
from orchestration.models import Message, Question, Session
from tests.dashboard.entry.test_page import asked, at
from tests.dashboard.seeds import entries as seed
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import open_live, results
from workspaces.models import Workspace


@pytest.fixture
def question(workspace: Workspace) -> Question:
    return asked(workspace, "Which of the two date formats is right: 2026-11-28 or 28.11.2026?")


def test_a_question_leads_from_the_overview_to_its_answer(page: Page, address: str, question: Question) -> None:
    open_live(page, address, question.entry.workspace)
    page.click("#attention >> text=Answer")
    page.fill(f"#answer-{question.pk}", "The first, everywhere.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(f"#question-{question.pk}")).to_contain_text("The first, everywhere.")
    expect(page.locator(f"#question-{question.pk}")).to_contain_text("Queued")
    assert Question.objects.get().answered_by == "ana"


def test_a_session_gets_a_message_from_its_page(page: Page, address: str, workspace: Workspace) -> None:
    session = Session.objects.filter(workspace=workspace, status="running").order_by("id")[0]
    open_live(page, address, workspace, f"sessions/{session.pk}/")
    page.fill("#message-text", "Please look at the log first.")
    page.click("#message >> text=Send")
    expect(page.locator("#result")).to_contain_text("The message waits for the agent")
    page.click("text=See whether it has arrived")
    expect(page.locator("#talk")).to_contain_text("Please look at the log first.")
    assert Message.objects.get().session_id == session.pk


def test_it_all_works_without_a_script(browser: Browser, address: str, question: Question) -> None:
    context = logged_in(browser, address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}{at(question.entry)}?tab=talk")
    page.fill(f"#answer-{question.pk}", "The first.")
    page.click("button:text-is('Answer')")
    expect(page.locator("#talk")).to_contain_text("The first.")
    page.fill("#instruct-text", "Use *tabs*.")
    page.click("text=Give the instruction")
    expect(page.locator("#talk")).to_contain_text("Use *tabs*.")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing(browser: Browser, address: str, question: Question, scheme: Any, width: int) -> None:
    messages.instruct(question.entry, f"Use *tabs*. {'long' * 100}", by=seed.ANA)
    running = Session.objects.filter(workspace=question.entry.workspace, status="running").order_by("id")[0]
    context = logged_in(browser, address, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    for name, path in {
        "talk": f"{at(question.entry)}?tab=talk",
        "session": f"/w/{running.workspace_id}/sessions/{running.pk}/",
    }.items():
        page.goto(f"{address}{path}")
        assert results(page) == [], name
        if folder := os.environ.get("SAY_PICTURES"):
            page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)
    context.close()
