"""A goal becomes a run, its answer proposals, and those become entries: by the API alone."""

from typing import Any

import pytest

from orchestration.models import Entry
from orchestration.proposals import applying
from tests.contract.api import Api, invalid, not_found
from tests.factories import ANA, a_token, a_workspace, an_entry, some_entries
from tests.orchestration.proposals.made import ORCHESTRATOR, PLANNER, a_rearranging_run, a_run
from workspaces.models import Workspace

pytestmark = pytest.mark.shop(planner=PLANNER, orchestrator=ORCHESTRATOR)


def numbers(response: Any, part: str = "proposals") -> list[tuple[int, str]]:
    return [(proposal["number"], proposal["state"]) for proposal in response.json[part]]


def test_a_goal_becomes_a_run(shop: Api) -> None:
    status, run = shop.post("/plan-runs", {"goal": "Speak ISO\nEverywhere"})
    assert (status, run["role"], run["status"], run["goal"]) == (201, "plan", "starting", "Speak ISO\nEverywhere")
    assert (run["cost_usd"], run["reserved_usd"], run["requested_by"]) == (0, 0.1, "token:test")
    assert shop.get(f"/runs/{run['id']}").json == run
    assert shop.get("/runs").json == {"runs": [run], "next_cursor": None}


def test_a_run_is_no_worker_session(shop: Api) -> None:
    run = shop.post("/plan-runs", {"goal": "Better"}).json["id"]
    assert shop.get("/executor/workers").json == {"workers": []}
    assert shop.get("/executor/status").json["activeWorkers"] == 0
    assert tuple(shop.get(f"/executor/sessions/{run}")) == not_found("Worker session")
    assert tuple(shop.post(f"/executor/workers/{run}/stop")) == not_found("Worker session")
    assert shop.get(f"/executor/sessions/{run}/requests").json["requests"] == [], "its requests pass the gateway as any session's"
    assert shop.get("/budget/holds").json["holds"][0]["session_id"] == run


def test_a_run_is_stopped_once(shop: Api) -> None:
    run = shop.post("/plan-runs", {"goal": "Better"}).json["id"]
    assert tuple(shop.post(f"/runs/{run}/stop")) == (200, {"stopped": True})
    assert shop.get(f"/runs/{run}").json["status"] == "stopped"
    assert tuple(shop.post(f"/runs/{run}/stop")) == not_found("Run")


def test_without_a_planner_the_refusal_names_the_key(db: None) -> None:
    shop = Api(a_workspace(), a_token())
    response = shop.post("/plan-runs", {"goal": "Better"})
    assert tuple(response) == invalid("This workspace has no planner: set `planner` in its config first", "workspaceID")


@pytest.mark.parametrize("goal", ["", "  \n", "x" * 20_001, "a\u0000b", 7, None])
def test_a_goal_is_text(shop: Api, goal: Any) -> None:
    response = shop.post("/plan-runs", {"goal": goal})
    assert (response.status, response.json["errors"][0]["propertyNames"]) == (400, ["goal"])


def test_proposals_are_applied_in_part_and_undone(shop: Api, workspace: Workspace) -> None:
    run = a_run(workspace, "Parse dates", "Print dates")
    first, _ = shop.get(f"/runs/{run.pk}/proposals").json["proposals"]
    applied = shop.post(f"/runs/{run.pk}/apply", {"proposals": [first["id"]]})
    assert numbers(applied, "applied") == [(1, "applied")]
    [entry] = shop.get("/todo").json["entries"]
    assert (entry["id"], entry["content"]) == (applied.json["applied"][0]["entry_id"], "Parse dates")
    assert numbers(shop.post(f"/runs/{run.pk}/undo")) == [(1, "open")]
    assert shop.get("/todo").json["entries"] == []
    assert numbers(shop.post(f"/runs/{run.pk}/reject", {})) == [(1, "rejected"), (2, "rejected")]


def test_a_proposal_is_edited_before_it_is_applied(shop: Api, workspace: Workspace) -> None:
    run = a_run(workspace, {"content": "Parse dates", "ref": "parse"})
    address = f"/runs/{run.pk}/proposals/{run.proposals.get().pk}"
    assert shop.put(address, {"content": "Parse ISO dates"}).json["entry"] == {"content": "Parse ISO dates"}
    assert shop.put(address, {"content": "Parse", "budget_usd": 3}).json["errors"][0]["propertyNames"] == ["budget_usd"]
    shop.post(f"/runs/{run.pk}/apply", {})
    assert shop.get("/todo").json["entries"][0]["content"] == "Parse ISO dates"


def test_what_the_backlog_has_outrun_is_named(shop: Api, workspace: Workspace) -> None:
    run = a_run(workspace, "Parse dates", "Print dates")
    an_entry(workspace, content="Parse dates")
    response = shop.post(f"/runs/{run.pk}/apply", {})
    assert numbers(response, "applied") == [(2, "applied")]
    assert response.json["outdated"][0]["note"] == "#1 with the same title and files was added since"


def test_a_decision_that_came_too_late_is_a_conflict(shop: Api, workspace: Workspace) -> None:
    run = a_run(workspace, "Parse dates")
    applying.apply(run, by=ANA)
    assert shop.post(f"/runs/{run.pk}/apply", {}).status == 409
    assert shop.post(f"/runs/{run.pk}/reject", {"proposals": [run.proposals.get().pk]}).status == 409


@pytest.mark.parametrize("address", ["/runs/run_00000000000000000000", "/runs/x", "/runs/x/log", "/runs/x/proposals"])
def test_an_unknown_run_is_not_found(shop: Api, address: str) -> None:
    assert tuple(shop.get(address)) == not_found("Run")


def test_runs_come_in_pages(shop: Api) -> None:
    newest_first = [shop.post("/plan-runs", {"goal": f"Goal {n}"}).json["id"] for n in range(3)][::-1]
    page = shop.get("/runs?limit=2").json
    following = shop.get(f"/runs?limit=2&cursor={page['next_cursor']}").json
    assert [run["id"] for run in page["runs"] + following["runs"]] == newest_first
    assert following["next_cursor"] is None


def test_the_state_of_its_tests_is_shown_until_they_are_edited(shop: Api, workspace: Workspace) -> None:
    spec = {"tests": ["test_a.test_b"], "test_files": {"test_a.py": "def test_b(): assert False"}}
    run = a_run(workspace, {"content": "Parse dates", "spec": spec})
    state = {"state": "red", "failing": {"test_a.test_b": "assert False"}, "remark": ""}
    run.proposals.update(tests_on_base=state)
    [proposal] = shop.get(f"/runs/{run.pk}/proposals").json["proposals"]
    assert proposal["tests_on_base"] == state
    address = f"/runs/{run.pk}/proposals/{proposal['id']}"
    assert shop.put(address, {"content": "Parse ISO dates", "spec": spec}).json["tests_on_base"] == state
    assert shop.put(address, {"content": "Parse", "spec": {"tests": ["test_a"]}}).json["tests_on_base"] is None


@pytest.mark.parametrize(
    "files", [{}, {"../a.py": ""}, {"tests/": ""}, {"a.py": 1}, {"a.py": "x" * 100_001}, {".git/hooks/x": ""}]
)
def test_test_files_that_cannot_be_written_are_refused(shop: Api, files: Any) -> None:
    response = shop.post("/todo/entries", {"entries": [{"content": "Parse", "spec": {"test_files": files}}]})
    assert (response.status, "test_files" in response.json["errors"][0]["propertyNames"][0]) == (400, True)


def test_an_entry_locks_its_test_files(shop: Api) -> None:
    spec = {"files_to_modify": ["a.py"], "test_files": {"./tests/test_a.py": ""}}
    assert shop.post("/todo/entries", {"entries": [{"content": "Parse", "spec": spec}]}).status == 201
    assert Entry.objects.get().paths == ["a.py", "tests/test_a.py"]


def test_a_proposed_change_shows_what_was_read_and_is_edited(shop: Api, workspace: Workspace) -> None:
    first, second = (an_entry(workspace, content=title) for title in ("Parse", "Print"))
    run = a_rearranging_run(workspace, {"kind": "change", "entry": "#1", "priority": "high"})
    [proposal] = shop.get(f"/runs/{run.pk}/proposals").json["proposals"]
    assert (proposal["kind"], proposal["subject_id"], proposal["entry"]) == ("change", first.pk, {"priority": "high"})
    assert proposal["before"]["priority"] == "medium"
    address = f"/runs/{run.pk}/proposals/{proposal['id']}"
    edited = shop.patch(address, {"priority": "medium", "depends_on": ["#2"], "rounds": 7})
    assert edited.json["entry"] == {"depends_on": [second.pk], "rounds": 7}  # the priority is what it was
    shop.post(f"/runs/{run.pk}/apply", {})
    first.refresh_from_db()
    assert (first.priority, first.budget_rounds, first.unmet_dependencies) == (2, 7, 1)
    assert shop.patch(address, {"rounds": 8}).status == 409


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"priority": "soon"}, "priority"),
        ({"rounds": 0}, "rounds"),
        ({"depends_on": ["#1"]}, "depends_on"),
        ({"depends_on": ["#9"]}, "depends_on"),
        ({"budget_usd": 1}, "budget_usd"),
        ({"priority": "medium"}, "proposalID"),
    ],
)
def test_a_value_that_cannot_be_set_is_refused(shop: Api, workspace: Workspace, values: dict[str, Any], name: str) -> None:
    an_entry(workspace, content="Parse")
    run = a_rearranging_run(workspace, {"kind": "change", "entry": "#1", "priority": "high"})
    response = shop.patch(f"/runs/{run.pk}/proposals/{run.proposals.get().pk}", values)
    assert response.status == 400
    assert response.json["errors"][0]["propertyNames"][0].startswith(name)


def test_what_a_kind_does_not_have_is_refused(shop: Api, workspace: Workspace) -> None:
    an_entry(workspace, content="Parse")
    run = a_rearranging_run(workspace, {"kind": "hold", "entry": "#1"})
    response = shop.patch(f"/runs/{run.pk}/proposals/{run.proposals.get().pk}", {"priority": "high"})
    assert tuple(response) == invalid("A proposal of the kind hold has no priority to change", "priority")


def test_the_orchestrator_is_asked_once_at_a_time(shop: Api) -> None:
    status, run = shop.post("/orchestrator-runs", {"note": "What is stuck?"})
    assert (status, run["role"], run["goal"], run["trigger"]) == (201, "orchestrate", "What is stuck?", "person")
    assert shop.post("/orchestrator-runs", {}).status == 409
    assert shop.post("/orchestrator-runs", {"note": 3}).status == 400


def test_what_applying_noted_for_an_undo_is_not_shown(shop: Api, workspace: Workspace) -> None:
    some_entries(workspace, "Parse", "Print")
    run = a_rearranging_run(workspace, {"kind": "merge", "entry": "#1", "with": "#2"})
    read = shop.get(f"/runs/{run.pk}/proposals").json["proposals"][0]["before"]
    [applied] = shop.post(f"/runs/{run.pk}/apply", {}).json["applied"]
    assert applied["before"] == read and read["other"]["content"] == "Print"


def test_a_rejected_proposal_is_reopened(shop: Api, workspace: Workspace) -> None:
    run = a_run(workspace, "Parse dates", "Print dates")
    shop.post(f"/runs/{run.pk}/reject", {})
    assert numbers(shop.post(f"/runs/{run.pk}/reopen", {"proposals": [run.proposals.get(number=2).pk]})) == [(2, "open")]
    assert shop.post(f"/runs/{run.pk}/reopen", {"proposals": [run.proposals.get(number=2).pk]}).status == 409
    assert shop.post(f"/runs/{run.pk}/reopen", {"proposals": [10**12]}).status == 404
    assert shop.post(f"/runs/{run.pk}/reopen", {"proposals": []}).status == 400
