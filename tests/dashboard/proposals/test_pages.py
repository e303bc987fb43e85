"""A goal in the browser: asked for, shown as proposals, edited, added in part, undone."""

import re
from typing import Any

import pytest
from django.test import Client

from orchestration.executor import control
from orchestration.landing import reads as landing
from orchestration.models import Entry, Executor, Proposal, Run, Session
from tests.dashboard.overview.test_page import in_line
from tests.dashboard.seeds import entries as seed
from tests.factories import ANA, CLOSED, an_entry
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_rearranging_run, a_run, a_split, ids, states
from workspaces.models import Workspace


@pytest.fixture
def planned(workspace: Workspace) -> Workspace:
    """The workspace, with a planner."""
    row = Executor.objects.get(pk=workspace.pk)
    Executor.objects.filter(pk=workspace.pk).update(config={**row.config, "planner": PLANNER})
    return workspace


def page(client: Client, workspace: Workspace, tail: str, **form_data: Any) -> Any:
    address = f"/w/{workspace.pk}/backlog/{tail}"
    return client.post(address, form_data, follow=True) if form_data else client.get(address)


def text(response: Any) -> str:
    return in_line(response.content.decode())


def added(workspace: Workspace) -> list[str]:
    return [e.title for e in Entry.objects.filter(workspace=workspace, deleted_at=None, created_by="otto").order_by("seq")]


def test_a_goal_starts_a_run_and_leads_to_it(otto: Client, planned: Workspace) -> None:
    seen = text(page(otto, planned, "plans/", goal="Speak ISO\r\nEverywhere"))
    run = Run.objects.get()
    assert (run.goal, run.requested_by) == ("Speak ISO\nEverywhere", "otto")
    assert "Speak ISO Everywhere" in seen and "Stop the run" in seen


@pytest.mark.parametrize("goal", ["  ", "x" * 20_001, "a\0b"])
def test_a_goal_that_cannot_be_used_comes_back(otto: Client, planned: Workspace, goal: str) -> None:
    response = page(otto, planned, "plans/", goal=goal)
    assert response.status_code == 422 and "The goal " in text(response)
    assert not Run.objects.exists()


def test_a_planner_without_a_command_is_refused_with_the_key_to_set(otto: Client, workspace: Workspace) -> None:
    row = Executor.objects.get(pk=workspace.pk)
    Executor.objects.filter(pk=workspace.pk).update(config={**row.config, "planner": {"agent": {}}})
    assert "set `planner.agent.command` in the config" in text(page(otto, workspace, "plans/", goal="Speak ISO"))
    assert not Run.objects.exists()


def test_an_example_fills_the_form(otto: Client, planned: Workspace) -> None:
    match = re.search(r'href="\?goal=([^"]+)"', page(otto, planned, "plans/").content.decode())
    assert match and "Make the failing tests pass" in text(page(otto, planned, f"plans/?goal={match[1]}"))


def test_without_a_planner_the_page_leads_to_the_settings(ana: Client, otto: Client, workspace: Workspace) -> None:
    assert "This workspace has no agent that plans." in text(page(otto, workspace, "plans/"))
    assert "Choose a planning agent" in text(page(ana, workspace, "plans/"))


def test_an_empty_backlog_offers_to_plan(ana: Client, db: None) -> None:
    workspace = seed.empty("Fresh")
    assert f'href="/w/{workspace.pk}/backlog/plans/">Let an agent plan' in text(page(ana, workspace, ""))


def test_a_viewer_sees_proposals_and_decides_nothing(vera: Client, planned: Workspace) -> None:
    run = a_run(planned, {"content": "Parse dates\n\nOf all kinds", "reason": "They sort"})
    seen = text(page(vera, planned, f"plans/{run.pk}/"))
    assert "Parse dates" in seen and "Of all kinds" in seen and "They sort" in seen
    assert "Add the ticked entries" not in seen and "Edit" not in seen
    assert page(vera, planned, f"plans/{run.pk}/apply/", proposal=run.proposals.get().pk).status_code == 403
    assert page(vera, planned, "plans/").status_code == 403


def test_what_is_ticked_is_added_and_can_be_undone(otto: Client, planned: Workspace) -> None:
    run = a_run(planned, "Parse dates", "Print dates")
    first = run.proposals.get(number=1).pk
    next_url = f"/w/{planned.pk}/backlog/plans/{run.pk}/"
    seen = text(page(otto, planned, f"plans/{run.pk}/apply/", proposal=first, next=next_url))
    assert (
        "1 entry is added" in seen
        and "press Start" not in seen
        and (added(planned), states(run)) == (["Parse dates"], ["applied", "open"])
    )
    assert "1 entry is off the backlog again" in text(page(otto, planned, f"plans/{run.pk}/undo/", next=next_url))
    assert (added(planned), states(run)) == ([], ["open", "open"])


def test_many_proposals_are_ticked_or_not_by_one_link(otto: Client, planned: Workspace) -> None:
    run = a_run(planned, "One", "Two", "Three", "Four")
    run.proposals.filter(number=1).update(note="It has the title and the files of #1")
    for address, ticked in (("", 3), ("?tick=all", 4), ("?tick=none", 0)):
        seen = page(otto, planned, f"plans/{run.pk}/{address}").content.decode()
        assert (seen.count(" checked>"), "?tick=none" in seen) == (ticked, True)


def test_adding_entries_names_an_executor_that_is_stopped(otto: Client, planned: Workspace) -> None:
    Executor.objects.filter(pk=planned.pk).update(state=Executor.State.STOPPED)
    run = a_run(planned, "Parse dates")
    assert "They start once the executor runs." in text(page(otto, planned, f"plans/{run.pk}/"))
    seen = text(page(otto, planned, f"plans/{run.pk}/apply/", proposal=run.proposals.get().pk))
    assert "1 entry is added; nothing starts before the executor runs: press Start" in seen


def test_a_failed_run_shows_its_only_problem_once_and_a_way_to_ask_again(otto: Client, planned: Workspace) -> None:
    run = a_run(planned)
    Session.of_any_role.filter(pk=run.pk).update(outcome_message="Its answer cannot be used: There is no answer")
    Run.objects.filter(pk=run.pk).update(goal="Speak ISO", problems=["There is no answer"])
    seen = page(otto, planned, f"plans/{run.pk}/").content.decode()
    assert seen.count("There is no answer") == 1
    assert f'href="/w/{planned.pk}/backlog/plans/?goal=Speak%20ISO">Ask again' in seen


def test_what_is_ticked_can_be_rejected(otto: Client, planned: Workspace) -> None:
    run = a_run(planned, "Parse dates")
    page(otto, planned, f"plans/{run.pk}/reject/", proposal=run.proposals.get().pk)
    assert states(run) == ["rejected"]


def test_one_that_was_rejected_can_be_reopened(otto: Client, vera: Client, planned: Workspace) -> None:
    run = a_run(planned, "Parse dates")
    proposal = run.proposals.get()
    page(otto, planned, f"plans/{run.pk}/reject/", proposal=proposal.pk)
    assert "Reopen" not in page(vera, planned, f"plans/{run.pk}/").content.decode()
    assert "Reopen" in page(otto, planned, f"plans/{run.pk}/").content.decode()
    page(otto, planned, f"plans/{run.pk}/reopen/", reopen=proposal.pk)
    assert states(run) == ["open"]
    page(otto, planned, f"plans/{run.pk}/reopen/", reopen=proposal.pk)
    assert states(run) == ["open"]


@pytest.mark.parametrize("ticked", [[], ["x"], ["999999999999"]])
def test_nothing_ticked_decides_nothing(otto: Client, planned: Workspace, ticked: list[str]) -> None:
    run = a_run(planned, "Parse dates")
    response = page(otto, planned, f"plans/{run.pk}/apply/", proposal=ticked, do="apply")
    assert response.status_code in (200, 404)
    assert states(run) == ["open"]


def test_an_outdated_proposal_is_named(otto: Client, planned: Workspace) -> None:
    run = a_run(planned, "Parse dates", "Print dates")
    an_entry(planned, content="Parse dates")
    numbers = [proposal.pk for proposal in run.proposals.all()]
    next_url = f"/w/{planned.pk}/backlog/plans/{run.pk}/"
    seen = text(page(otto, planned, f"plans/{run.pk}/apply/", proposal=numbers, next=next_url))
    assert "1 entry is added; proposal 1 is outdated" in seen
    assert "with the same title and files was added since" in seen


def test_a_proposal_is_edited_and_keeps_what_the_form_does_not_show(otto: Client, planned: Workspace) -> None:
    run = a_run(planned, {"ref": "a", "content": "Parse", "priority": "high", "spec": {"patterns": "as before"}})
    proposal = run.proposals.get()
    form = page(otto, planned, f"plans/{run.pk}/proposals/{proposal.pk}/")
    assert "Edit the proposal Parse" in text(form)
    values = {"content": "Parse ISO", "modifies": "src/\r\na.py", "after": "1", "heading": "Dates"}
    assert "Proposal 1 is changed" in text(page(otto, planned, f"plans/{run.pk}/proposals/{proposal.pk}/", **values))
    after = Proposal.objects.get().after
    first = Entry.objects.get(workspace=planned, seq=1).pk
    assert after == {
        "ref": "a",
        "content": "Parse ISO",
        "priority": "high",
        "group": "Dates",
        "depends_on": [first],
        "spec": {"patterns": "as before", "files_to_modify": ["src/", "a.py"]},
    }
    assert 'value="#1"' in page(otto, planned, f"plans/{run.pk}/proposals/{proposal.pk}/").content.decode()


@pytest.mark.parametrize(
    "values", [{"content": " "}, {"content": "Parse", "modifies": "../x"}, {"content": "P", "after": "#999"}]
)
def test_an_edit_that_cannot_be_used_comes_back(otto: Client, planned: Workspace, values: dict[str, str]) -> None:
    run = a_run(planned, "Parse dates")
    address = f"plans/{run.pk}/proposals/{run.proposals.get().pk}/"
    response = page(otto, planned, address, **values)
    assert response.status_code == 422 and "The proposal was not changed" in text(response)


def test_a_run_is_stopped_on_its_page(otto: Client, planned: Workspace) -> None:
    page(otto, planned, "plans/", goal="Better")
    run = Run.objects.get()
    page(otto, planned, f"plans/{run.pk}/stop/", next="/")
    assert Session.of_any_role.get(pk=run.pk).outcome == Session.Outcome.STOPPED
    assert "Stopped by otto" in text(page(otto, planned, f"plans/{run.pk}/"))


def test_an_open_run_is_on_the_workers_page(otto: Client, planned: Workspace) -> None:
    assert "No agent plans now" in text(otto.get(f"/w/{planned.pk}/sessions/"))
    page(otto, planned, "plans/", goal="Speak ISO")
    assert "Speak ISO" in text(otto.get(f"/w/{planned.pk}/sessions/"))


def test_a_run_of_another_workspace_is_not_found(otto: Client, planned: Workspace) -> None:
    other = seed.empty("Other", planner=PLANNER)
    assert page(otto, planned, f"plans/{a_run(other, 'Parse').pk}/").status_code == 404


def test_stop_all_counts_and_lists_a_run(otto: Client, planned: Workspace) -> None:
    sessions = Session.objects.filter(workspace=planned, status__in=Session.OPEN).count()
    page(otto, planned, "plans/", goal="Speak ISO")
    seen = text(otto.get(f"/w/{planned.pk}/settings/executor/stop/"))
    assert f"Ends all {sessions + 1} running sessions" in seen
    assert f"Stop {sessions + 1} workers now" in text(otto.get(f"/w/{planned.pk}/"))
    control.stop_all(planned.pk, by=ANA)
    assert f'/backlog/plans/{Run.objects.get().pk}/">planning' in text(otto.get(f"/w/{planned.pk}/"))


def test_a_second_person_stops_a_run_that_began_after_a_stop(otto: Client, planned: Workspace) -> None:
    control.stop_all(planned.pk, by=ANA)
    page(otto, planned, "plans/", goal="Speak ISO")
    question = otto.get(f"/w/{planned.pk}/settings/executor/stop/").content.decode()
    token = re.search(r'name="confirm" value="([^"]+)"', question)
    otto.post(f"/w/{planned.pk}/settings/executor/stop/", {"confirm": token[1] if token else ""})
    assert Session.of_any_role.get(pk=Run.objects.get().pk).outcome == Session.Outcome.STOPPED


def test_the_tests_that_an_entry_brings_are_shown_with_their_state(otto: Client, planned: Workspace) -> None:
    spec = {"tests": ["test_a.test_b"], "test_files": {"test_a.py": "def test_b(): assert <0>"}}
    run = a_run(planned, {"content": "Parse dates", "spec": spec}, {"content": "Print dates", "spec": {"tests": ["x"]}})
    run.proposals.filter(number=1).update(
        tests_on_base={"state": "red", "failing": {"test_a.test_b": "assert <0>"}, "remark": ""}
    )
    run.proposals.filter(number=2).update(tests_on_base={"state": "unknown", "failing": {}, "remark": "No check names it."})
    seen = text(page(otto, planned, f"plans/{run.pk}/"))
    assert "Its tests fail before the work, as they must" in seen and "assert &lt;0&gt;" in seen
    assert "Its tests were not seen to fail before the work" in seen and "No check names it." in seen


def test_proposals_name_entries_that_no_failing_test_looks_like(
    otto: Client, planned: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "failing_on_tip", lambda _: {"t.test_multiply": "no attribute multiply", "t.test_add": ""})
    without = "No failing test seems to belong to it. Name its tests"
    run = a_run(planned, "Implement multiply", "Write a changelog", {"content": "Write docs", "spec": {"tests": ["t.x"]}})
    seen = text(page(otto, planned, f"plans/{run.pk}/"))
    assert seen.count(without) == 1 and seen.index("Write a changelog") < seen.index(without) < seen.index("Write docs")
    run.proposals.update(state="rejected")
    assert without not in text(page(otto, planned, f"plans/{run.pk}/"))


@pytest.fixture
def steered(workspace: Workspace) -> Workspace:
    """The workspace, with an orchestrator and three entries of its own: A, B and C."""
    row = Executor.objects.get(pk=workspace.pk)
    Executor.objects.filter(pk=workspace.pk).update(config={**row.config, "orchestrator": ORCHESTRATOR})
    for title in "ABC":
        an_entry(workspace, content=title)
    return workspace


def named(workspace: Workspace, *titles: str) -> list[str]:
    """The entries of the fixture, as `#number`."""
    return [f"#{Entry.objects.get(workspace=workspace, content=title).seq}" for title in titles]


def test_the_orchestrator_is_asked_on_the_page_of_goals(otto: Client, steered: Workspace) -> None:
    assert "Rearrange the backlog" in text(page(otto, steered, "plans/"))
    seen = text(page(otto, steered, "plans/orchestrate/", note="What is stuck?"))
    assert "What is stuck?" in seen and "Stop the run" in seen
    assert "Rearrange the backlog: What is stuck?" in text(page(otto, steered, "plans/"))
    page(otto, steered, "plans/orchestrate/", note="Again")  # one at a time
    assert Run.objects.count() == 1


def test_without_an_orchestrator_the_page_leads_to_the_settings(ana: Client, planned: Workspace) -> None:
    assert "Choose an agent" in text(page(ana, planned, "plans/"))


def test_changes_are_shown_with_before_and_after_applied_and_undone(otto: Client, steered: Workspace) -> None:
    a, b, c = named(steered, "A", "B", "C")
    changes = [
        {"kind": "change", "entry": a, "priority": "high", "depends_on": [b], "reason": "It needs that"},
        {"kind": "drop", "entry": c, "reason": "Nobody needs it"},
    ]
    run = a_rearranging_run(steered, *changes)
    seen = text(page(otto, steered, f"plans/{run.pk}/"))
    assert "<del>medium</del> <ins>high</ins>" in seen and f"<del>nothing</del> <ins>{b}</ins>" in seen
    assert "− Gone" in seen and "Nobody needs it" in seen and "Apply the ticked" in seen
    back = {"next": f"/w/{steered.pk}/backlog/plans/{run.pk}/"}
    ticked = [proposal.pk for proposal in run.proposals.all()]
    assert "1 entry is changed, 1 entry is dropped" in text(
        page(otto, steered, f"plans/{run.pk}/apply/", proposal=ticked, **back)
    )
    assert "Dropped" in text(page(otto, steered, f"plans/{run.pk}/"))
    assert "2 changes are undone" in text(page(otto, steered, f"plans/{run.pk}/undo/", **back))
    assert states(run) == ["open", "open"]


def test_an_outdated_change_is_marked_before_it_is_applied(otto: Client, steered: Workspace) -> None:
    a, b, c = named(steered, "A", "B", "C")
    changes = [{"kind": "change", "entry": a, "priority": "high"}, {"kind": "merge", "entry": b, "with": c}]
    run = a_rearranging_run(steered, *changes)
    assert page(otto, steered, f"plans/{run.pk}/").content.decode().count(" checked>") == 2
    Entry.objects.filter(workspace=steered, content__in=["A", "C"]).update(**CLOSED)
    seen = text(page(otto, steered, f"plans/{run.pk}/"))
    assert f"It cannot be applied: {a} A is done" in seen and f"It cannot be applied: {c} C is done" in seen
    assert "Outdated" in seen and " checked>" not in seen
    ticked = {"proposal": ids(run, 1, 2), "next": f"/w/{steered.pk}/backlog/plans/{run.pk}/"}
    assert "Nothing is applied; proposals 1, 2 are outdated" in text(page(otto, steered, f"plans/{run.pk}/apply/", **ticked))


def test_a_merge_shows_what_it_takes_over(otto: Client, steered: Workspace) -> None:
    a, b = named(steered, "A", "B")
    run = a_rearranging_run(steered, {"kind": "merge", "entry": a, "with": b, "reason": "The same"})
    assert f"Takes over</dt><dd>{b} B</dd>" in text(page(otto, steered, f"plans/{run.pk}/"))
    page(otto, steered, f"plans/{run.pk}/apply/", proposal=run.proposals.get().pk)
    assert "Merged" in text(page(otto, steered, f"plans/{run.pk}/"))


def test_a_hold_has_no_form(otto: Client, steered: Workspace) -> None:
    [a] = named(steered, "A")
    run = a_rearranging_run(steered, {"kind": "hold", "entry": a, "reason": "Too vague"})
    assert page(otto, steered, f"plans/{run.pk}/proposals/{run.proposals.get().pk}/").status_code == 303
    assert "Edit<span" not in text(page(otto, steered, f"plans/{run.pk}/"))


def test_a_change_is_edited_on_its_page(otto: Client, steered: Workspace) -> None:
    a, b = named(steered, "A", "B")
    run = a_rearranging_run(steered, {"kind": "change", "entry": a, "priority": "high"})
    address = f"plans/{run.pk}/proposals/{run.proposals.get().pk}/"
    assert '<option value="high" selected>High</option>' in text(page(otto, steered, address))
    refused = page(otto, steered, address, priority="high", depends_on="#999", rounds="7")
    assert refused.status_code == 422 and "no other entry of the backlog" in text(refused)
    assert page(otto, steered, address, priority="high", depends_on="", rounds="many").status_code == 422
    assert "Proposal 1 is changed" in text(page(otto, steered, address, priority="low", depends_on=b[1:], rounds="7"))
    needed = Entry.objects.get(workspace=steered, content="B").pk
    assert run.proposals.get().after == {"priority": "low", "depends_on": [needed], "rounds": 7}


def test_the_text_of_a_merge_is_edited(otto: Client, steered: Workspace) -> None:
    a, b = named(steered, "A", "B")
    run = a_rearranging_run(steered, {"kind": "merge", "entry": a, "with": b})
    page(otto, steered, f"plans/{run.pk}/proposals/{run.proposals.get().pk}/", content="Both of them")
    applied = {"proposal": run.proposals.get().pk}
    page(otto, steered, f"plans/{run.pk}/apply/", **applied)
    assert Entry.objects.filter(workspace=steered, content="Both of them").exists()


def test_an_admin_lets_the_workspaces_agent_plan_by_one_click(ana: Client, otto: Client, workspace: Workspace) -> None:
    config = {"agent": {"kind": "claude_code", "model": "sonnet"}}
    Executor.objects.filter(pk=workspace.pk).update(config=config)
    assert "Let Claude Code plan" in text(page(ana, workspace, "plans/"))
    next_url = f"/w/{workspace.pk}/backlog/plans/"
    assert "Claude Code plans now." in text(page(ana, workspace, "agents/planner/", next=next_url))
    assert Executor.objects.get(pk=workspace.pk).config == config | {"planner": config}
    assert page(otto, workspace, "agents/planner/", next=next_url).status_code == 403


def test_open_proposals_need_attention(otto: Client, vera: Client, planned: Workspace) -> None:
    run = a_run(planned, "Parse dates", "Print dates")
    overview = f"/w/{planned.pk}/"
    seen = text(otto.get(overview))
    assert "2 proposals of agents wait for your decision" in seen and f'href="{overview}backlog/plans/{run.pk}/"' in seen
    assert "for your decision" not in text(vera.get(overview))
    page(otto, planned, f"plans/{run.pk}/reject/", proposal=run.proposals.get(number=1).pk)
    assert "A proposal of an agent waits for your decision" in text(otto.get(overview))


def test_what_a_proposal_waits_for_is_named_by_its_number(otto: Client, planned: Workspace) -> None:
    run = a_run(planned, {"content": "Parse dates", "ref": "parse"}, {"content": "Print dates", "depends_on": ["parse"]})
    assert "Waits for proposal 1" in text(page(otto, planned, f"plans/{run.pk}/"))
    page(otto, planned, f"plans/{run.pk}/apply/", proposal=list(run.proposals.values_list("pk", flat=True)))
    first = Entry.objects.get(workspace=planned, content="Parse dates")
    assert f"Waits for #{first.seq}" in text(page(otto, planned, f"plans/{run.pk}/"))


def test_many_failing_cases_are_folded(otto: Client, planned: Workspace) -> None:
    run = a_run(planned, "Parse dates")
    failing = {f"test_dates.test_{n}": "no module dates" for n in range(30)}
    run.proposals.update(tests_on_base={"state": "red", "failing": failing})
    seen = text(page(otto, planned, f"plans/{run.pk}/"))
    assert "30 cases fail, the first with: no module dates" in seen
    assert seen.count("<code>test_dates.") == 20 and "the first 20 are shown" in seen


@pytest.fixture
def rearranged(planned: Workspace) -> Workspace:
    """The workspace, with an orchestrator too."""
    row = Executor.objects.get(pk=planned.pk)
    Executor.objects.filter(pk=planned.pk).update(config={**row.config, "orchestrator": ORCHESTRATOR})
    return planned


def test_each_child_of_a_split_shows_what_it_waits_for_and_why(otto: Client, rearranged: Workspace) -> None:
    run, _ = a_split(rearranged)
    seen = text(page(otto, rearranged, f"plans/{run.pk}/"))
    assert "Parse dates · a.py · They are read first" in seen and "Print dates · waits for child 1<" in seen
    assert "Sort dates · waits for child 2 · It is easy then" in seen


def test_the_children_of_a_split_are_edited_before_they_are_added(otto: Client, rearranged: Workspace) -> None:
    run, proposal = a_split(rearranged)
    edit = f"plans/{run.pk}/proposals/{proposal.pk}/"
    assert "Leave this child out" in text(page(otto, rearranged, edit))
    typed = {
        "content-0": "Parse ISO dates",
        "modifies-0": "c.py",
        "content-1": "Print",
        "left_out-1": "1",
        "content-2": "Sort dates",
    }
    assert "Proposal 1 is changed" in text(page(otto, rearranged, edit, **typed))
    proposal.refresh_from_db()
    first, second = proposal.after["entries"]
    assert first["spec"] == {"files_to_modify": ["c.py"], "patterns": ["as in b.py"]} and first["content"] == "Parse ISO dates"
    assert (second["content"], second.get("depends_on") or [], proposal.edited_by) == ("Sort dates", [], "otto")
    page(otto, rearranged, f"plans/{run.pk}/apply/", proposal=proposal.pk)
    assert [e.title for e in Entry.objects.filter(parent=proposal.subject).order_by("seq")] == ["Parse ISO dates", "Sort dates"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"content-0": " ", "content-1": "Print", "content-2": "Sort"}, "The proposal was not changed: Child 1, content"),
        ({"content-0": "Parse", "left_out-1": "1", "left_out-2": "1"}, "A split needs at least two children"),
        ({"content-0": "Parse", "modifies-0": "../x", "content-1": "Print", "content-2": "Sort"}, "The proposal was not changed"),
    ],
)
def test_children_that_cannot_be_used_come_back(
    otto: Client, rearranged: Workspace, typed: dict[str, str], sentence: str
) -> None:
    run, proposal = a_split(rearranged)
    response = page(otto, rearranged, f"plans/{run.pk}/proposals/{proposal.pk}/", **typed)
    assert response.status_code == 422 and sentence in text(response)
    assert proposal.after == Proposal.objects.get(pk=proposal.pk).after
