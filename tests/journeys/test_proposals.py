"""Planning and splitting in a browser: no page of it has a barrier or is wider than a phone, and a goal takes few clicks."""

import pytest
from playwright.sync_api import Browser, Page, expect

from orchestration.backlog import splitting
from orchestration.backlog.entries import Draft
from orchestration.models import Entry, Executor
from tests.dashboard.seeds import entries as seed
from tests.factories import ANA
from tests.journeys.conftest import logged_in
from tests.journeys.test_pages import results
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_run, a_split
from workspaces.models import Workspace


@pytest.fixture
def planned(workspace: Workspace) -> Workspace:
    """The workspace, with agents that propose, and an entry that is split."""
    row = Executor.objects.get(pk=workspace.pk)
    config = {**row.config, "planner": PLANNER, "orchestrator": ORCHESTRATOR}
    Executor.objects.filter(pk=workspace.pk).update(config=config)
    splitting.split(Entry.objects.get(workspace=workspace, seq=10), [Draft("First half"), Draft("Second half")], by=ANA)
    return workspace


def pages(workspace: Workspace) -> list[str]:
    run = a_run(workspace, {"content": "Parse dates", "ref": "parse"}, {"content": "Print dates", "depends_on": ["parse"]})
    failing = {f"test_dates.test_{'long' * 20}_{n}": "no module dates" for n in range(30)}
    run.proposals.filter(number=1).update(tests_on_base={"state": "red", "failing": failing})
    split_run, split = a_split(workspace)
    container = Entry.objects.get(workspace=workspace, seq=10)
    runs = [f"plans/{run.pk}/", f"plans/{run.pk}/proposals/{run.proposals.all()[0].pk}/"]
    splits = [f"plans/{split_run.pk}/", f"plans/{split_run.pk}/proposals/{split.pk}/"]
    return ["", "plans/", *runs, *splits, f"{container.pk}/?tab=children", f"{container.pk}/split/"]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (320, "dark")])
def test_no_page_of_proposals_has_a_barrier(browser: Browser, address: str, planned: Workspace, width: int, scheme: str) -> None:
    context = logged_in(browser, address, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    for tail in pages(planned):
        page.goto(f"{address}/w/{planned.pk}/backlog/{tail}")
        for details in page.locator("main details:not([open], .flyout) > summary").all()[:5]:
            details.click() if details.is_visible() else None
        assert results(page) == [], tail
    context.close()


def test_the_workspaces_agent_plans_after_three_clicks(page: Page, address: str, transactional_db: None) -> None:
    fresh = seed.empty("Fresh")
    Executor.objects.filter(pk=fresh.pk).update(config={"agent": {"command": "true"}})
    page.goto(f"{address}/w/{fresh.pk}/backlog/")
    page.click("text=Let an agent plan")
    page.click("#choose-planner")
    expect(page.locator("#result")).to_contain_text("Your command plans now")
    page.fill("#f-goal", "Speak ISO dates everywhere")
    page.click("button:text-is('Plan this')")
    expect(page.locator("#run")).to_contain_text("Speak ISO dates everywhere")
