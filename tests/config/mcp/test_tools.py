"""Tools for the agents of people: each is a call of the API, with the token's role."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from jsonschema import Draft202012Validator
from mcp.shared.exceptions import MCPError

from config.mcp import calls
from orchestration.models import Entry, LogChunk, Run
from tests.config.mcp.clients import listed, used
from tests.factories import a_session, a_token, a_workspace, an_entry
from tests.orchestration.proposals.made import PLANNER
from workspaces.models import Event, Membership, Workspace
from workspaces.people import tokens

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.shop(planner=PLANNER)]

READS = {"list_workspaces", "list_entries", "read_entry", "read_log", "read_diff", "read_budget", "read_status"} | {
    "list_runs",
    "list_proposals",
    "list_questions",
}
WRITES = {"add_entries", "plan_goal", "expand_entry", "comment", "answer_question", "run_executor", "stop_entry", "approve"}


@pytest.fixture
def operator(workspace: Workspace) -> str:
    return a_token(workspace, "operator")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_role_sees_its_tools(workspace: Workspace, operator: str, mode: str) -> None:
    assert listed(operator, mode).keys() == READS | WRITES
    assert listed(a_token(workspace, "viewer"), mode).keys() == READS
    assert {name for name, tool in listed(operator, mode).items() if tool.annotations.read_only_hint} == READS


def test_the_token_of_a_login_has_the_tools_of_its_person(workspace: Workspace) -> None:
    for name, role in {"vera": "viewer", "olga": "operator"}.items():
        person = User.objects.create_user(name)
        Membership.objects.create(user=person, workspace=workspace, role=role)
        _, token = tokens.log_in(person, "a program")
        assert listed(token).keys() == (READS if role == "viewer" else READS | WRITES)
        assert not used(token, "read_budget", workspace=workspace.pk).is_error
    User.objects.update(is_superuser=True)
    assert listed(token).keys() == READS | WRITES


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_entry_is_added_once_with_its_reason_and_read(operator: str, mode: str) -> None:
    added = [used(operator, "add_entries", mode, entries=[{"content": "Speak ISO"}], reason="Käse?", key="k") for _ in range(2)]
    assert [result.is_error for result in added] == [False, False]
    entry = Entry.objects.get()
    assert Event.objects.get(verb="entries.added").reason == "Käse?"
    shown = used(operator, "read_entry", mode, entry_id=entry.pk).structured_content
    assert shown["content"] == "Speak ISO" and shown["reasons"] == added[0].structured_content["entries"][0]["reasons"]
    assert [row["id"] for row in used(operator, "list_entries", q="iso").structured_content["entries"]] == [entry.pk]


def test_long_keys_that_begin_alike_are_two(operator: str) -> None:
    for end in "ab":
        used(operator, "add_entries", entries=[{"content": "x"}], reason="r", key="ß" * 99 + end)
    assert Entry.objects.count() == 2


def test_an_entry_has_a_spec_a_budget_and_dependencies(operator: str) -> None:
    draft = {"content": "A", "ref": "a", "spec": {"files_to_modify": ["a.py"], "tests": ["t"]}, "budget_usd": 1.5}
    added = used(operator, "add_entries", entries=[draft, {"content": "B", "depends_on": ["a"]}], reason="r", key="k")
    first, second = added.structured_content["entries"]
    assert first["spec"]["tests"] == ["t"] and first["budget_usd"] == 1.5 and second["depends_on"] == [first["id"]]


@pytest.mark.parametrize(
    "draft", [{}, {"content": 7}, {"content": "x", "spec": {"unknown": 1}}, {"content": "x", "budget_usd": "y"}, 7]
)
def test_a_bad_entry_is_refused(operator: str, draft: Any) -> None:
    assert used(operator, "add_entries", entries=[draft], reason="r", key="k").is_error
    assert not Entry.objects.exists()


def test_every_schema_is_one_whole_object(operator: str) -> None:
    for tool in listed(operator).values():
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            references = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))
            assert schema["type"] == "object" and references <= schema.get("$defs", {}).keys(), tool.name


def test_a_plan_answers_at_once_with_the_id_of_its_run(operator: str) -> None:
    runs = {used(operator, "plan_goal", goal="Better", reason="r", key="k").structured_content["id"] for _ in range(2)}
    assert runs == {Run.objects.get().pk}
    assert used(operator, "list_runs").structured_content["runs"][0]["id"] in runs
    assert used(operator, "list_proposals", run_id=runs.pop()).structured_content == {"proposals": []}


def test_the_reads_answer_as_the_api_does(workspace: Workspace, operator: str) -> None:
    an_entry(workspace)
    assert used(operator, "read_status").structured_content["activeWorkers"] == 0
    assert used(operator, "list_questions").structured_content["questions"] == []
    assert used(operator, "read_budget").is_error is False
    assert used(operator, "list_workspaces").structured_content["workspaces"][0]["id"] == workspace.pk


def test_a_log_is_read_from_its_end(workspace: Workspace, operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = a_session(an_entry(workspace))
    LogChunk.objects.create(session=session, first_seq=1, lines=[[0, "stdout", f"line {n}"] for n in range(1, 4)], size=24)
    assert used(operator, "read_log", session_id=session.pk).structured_content == {
        "text": "line 1\nline 2\nline 3\n",
        "is_cut": False,
    }
    assert used(operator, "read_log", session_id=session.pk, after=2).structured_content["text"] == "line 3\n"
    monkeypatch.setattr(calls, "MAX_TEXT", 7)
    assert used(operator, "read_log", session_id=session.pk).structured_content == {"text": "line 3\n", "is_cut": True}


def test_the_executor_is_started_and_paused(workspace: Workspace, operator: str) -> None:
    for action in ("start", "start", "pause"):
        assert not used(operator, "run_executor", action=action, reason="Try").is_error
    assert used(operator, "read_status").structured_content["state"] == "paused"


def test_a_refusal_of_the_api_is_one_sentence(workspace: Workspace, operator: str) -> None:
    entry = an_entry(workspace)
    refused = used(operator, "approve", entry_id=entry.pk, commit="a" * 40, reason="r")
    assert refused.is_error and refused.structured_content is None and refused.content[0].text
    assert used(operator, "read_entry", entry_id="entry_" + "0" * 20).content[0].text == "Entry not found"
    assert used(operator, "read_diff", entry_id=entry.pk).is_error


def test_a_viewer_changes_nothing(workspace: Workspace) -> None:
    viewer = a_token(workspace, "viewer")
    with pytest.raises((MCPError, BaseExceptionGroup)) as refused:
        used(viewer, "run_executor", action="start", reason="r")
    assert "no tool" in str(_only(refused.value))
    assert not Event.objects.filter(verb="executor.start").exists()


def test_a_token_of_all_workspaces_names_one(workspace: Workspace) -> None:
    token = a_token()
    assert "list_workspaces" in used(token, "list_entries").content[0].text
    assert used(token, "list_entries", workspace=workspace.pk).structured_content["id"] == workspace.pk


@pytest.mark.parametrize("place", ["ws_" + "0" * 20, "../..", "x/y", "%2e%2e", ""])
def test_a_token_of_another_workspace_reaches_nothing(workspace: Workspace, place: str) -> None:
    other = a_token(a_workspace(), "admin")
    assert used(other, "list_entries", workspace=place or workspace.pk).is_error
    assert used(other, "run_executor", action="start", reason="r", workspace=place or workspace.pk).is_error


@pytest.mark.parametrize(
    "given",
    [
        {"entry_id": 7},
        {"entry_id": ["x"]},
        {"entry_id": "../../executor/start"},
        {},
        {"entry_id": "entry_" + "0" * 20, "more": 1},
        {"entry_id": "x" * 10_000},
        {"entry_id": "a\u0000b"},
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(operator: str, given: dict[str, Any]) -> None:
    refused = used(operator, "read_entry", **given)
    assert refused.is_error and 0 < len(refused.content[0].text) < 500


def _only(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
