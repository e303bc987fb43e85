"""The steps of the demo: each is done by what happened in this run of it, and not by what another workspace has."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from dashboard.demo import story
from orchestration.demo.steering import POOR
from orchestration.models import Entry, Proposal, Session
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import CLOSED, a_workspace, an_entry, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_rearranging_run, a_run
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
BOTH = {"planner": PLANNER, "orchestrator": ORCHESTRATOR, "max_workers": 50}


@pytest.fixture
def demo(settings: Any, tmp_path: Path) -> Workspace:
    """Beside an earlier run of which each step is done or waits for a person."""
    settings.DATA_DIR = tmp_path
    earlier = a_workspace(name="Earlier", repo=str(tmp_path / "demo-1"), **BOTH)
    a_run(earlier, "One")
    poor = an_entry(earlier, content=POOR)
    Entry.objects.filter(pk=poor.pk).update(status="blocked", reason_code="budget_exceeded", reason_message="10 cents")
    a_rearranging_run(earlier, {"kind": "change", "entry": f"#{poor.seq}", "priority": "high"})
    return a_workspace(name="Demo", repo=str(tmp_path / "demo-2"), **BOTH)


def steps(workspace: Workspace) -> list[tuple[bool, bool, str]]:
    return [(step.is_done, step.needs_you, step.sentence) for step in story.region(page_request(workspace))["story"]]


def judged(monkeypatch: pytest.MonkeyPatch, **summary: Any) -> None:
    monkeypatch.setattr(story.reads, "verdict_of", lambda *_: object())
    monkeypatch.setattr(story.reads, "summary", lambda _: SimpleNamespace(**summary))


def test_a_workspace_that_is_no_demo_has_no_story(demo: Workspace) -> None:
    assert story.region(page_request(a_workspace())) == {"story": []}


def test_nothing_of_another_run_counts(demo: Workspace) -> None:
    some_entries(demo, "One", "Two")
    planned, works, proposal, money, tests = steps(demo)
    assert planned == (False, False, "An agent turns a goal into entries")
    assert works == (False, False, "Agents work on the entries, several at a time: 0 of 2 are done")
    assert proposal == (False, False, "An agent proposes what to change in the backlog, and you decide")
    assert money == (True, False, "An entry ran out of its budget, and got more from you")
    assert tests == (False, False, "What lands is tested as a whole")


def test_entries_count_that_are_there_as_on_the_overview(demo: Workspace) -> None:
    done, _, gone, container = some_entries(demo, *"abcd")
    Entry.objects.filter(pk=done.pk).update(**CLOSED)
    Entry.objects.filter(pk=gone.pk).update(deleted_at="2026-08-04T00:00Z")
    Entry.objects.filter(pk=container.pk).update(is_container=True)
    assert steps(demo)[1][2].endswith("1 of 3 are done")


def test_a_goal_is_planned_once_a_planners_run_has_passed(demo: Workspace) -> None:
    run = a_run(demo, "One")
    assert steps(demo)[0][0]
    for change in ({"outcome": "failed"}, {"outcome": "passed", "role": "orchestrate"}):
        Session.of_any_role.filter(run=run).update(**change)
        assert not steps(demo)[0][0]


def test_what_is_proposed_waits_until_it_is_decided(demo: Workspace) -> None:
    entry = an_entry(demo)
    a_run(demo, "One")  # the planner's proposals are another step
    assert not steps(demo)[2][1]
    run = a_rearranging_run(demo, {"kind": "change", "entry": f"#{entry.seq}", "priority": "high"})
    step = story.region(page_request(demo))["story"][2]
    assert (step.is_done, step.needs_you, step.link) == (False, True, reverse("run", args=[demo.pk, run.pk]))
    Proposal.objects.filter(run=run).update(state="rejected", decided_by="ana", decided_at="2026-08-04T00:00Z")
    assert steps(demo)[2] == (True, False, "An agent proposed a change of the backlog, and it is decided")


def test_the_entry_that_is_out_of_money_waits_for_a_person(demo: Workspace) -> None:
    poor = an_entry(demo, content=POOR)
    an_entry(demo, content=f"{POOR} again")
    assert steps(demo)[3] == (False, False, "An entry runs out of its budget, and gets more from you")
    Entry.objects.filter(pk=poor.pk).update(status="blocked", reason_code="budget_exceeded", reason_message="10 cents")
    step = story.region(page_request(demo))["story"][3]
    assert step.needs_you and step.sentence.startswith(f"#{poor.seq} ") and step.link.endswith(f"/{poor.pk}/?tab=budget")
    Entry.objects.filter(pk=poor.pk).update(**CLOSED, reason_code="")
    assert steps(demo)[3][0]


@pytest.mark.parametrize(
    ("total", "passing", "green", "landed", "is_done", "sentence"),
    [
        (0, 0, True, True, False, "What lands is tested as a whole"),
        (5, 5, True, False, False, "5 of the project's 5 tests pass on what has landed"),
        (5, 4, False, True, False, "4 of the project's 5 tests pass on what has landed"),
        (5, 5, True, True, True, "All have landed, and all 5 tests of the project pass"),
    ],
)
def test_its_end_is_a_green_project_with_all_that_was_planned(
    demo: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    total: int,
    passing: int,
    green: bool,
    landed: bool,
    is_done: bool,
    sentence: str,
) -> None:
    entry = an_entry(demo)
    if landed:
        Entry.objects.filter(pk=entry.pk).update(**CLOSED)
    judged(monkeypatch, total=total, passing=passing, green=green)
    assert steps(demo)[4] == (is_done, False, sentence)
    shown = story.region(page_request(demo))
    assert shown["story_is_over"] is False  # a plan and a decision are still to come


def test_the_demo_is_started_and_run_again_by_who_may_create_workspaces(demo: Workspace, settings: Any) -> None:
    settings.DEMO = True
    adam = client_of("adam", "admin", demo)
    assert [adam.post(address).status_code for address in ("/demo/", f"/w/{demo.pk}/demo/")] == [403, 403]
    assert adam.get(f"/w/{demo.pk}/demo/").status_code == 403 and Workspace.objects.count() == 2
