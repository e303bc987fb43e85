"""PATCH of an entry: what a person wrote about it changes, with a version so that no edit is lost."""

from typing import Any

import pytest

from orchestration.models import Entry
from tests.contract.api import Api
from tests.factories import a_session, a_token, a_workspace, an_entry, some_entries
from workspaces.models import Workspace


def test_an_entry_is_changed_and_its_version_with_it(shop: Api, workspace: Workspace) -> None:
    first, second = some_entries(workspace, "First", "Second")
    before = shop.get(f"/todo/entries/{second.pk}").json
    body = {
        "content": "Better",
        "group": "Dates",
        "spec": {"acceptance_criteria": ["works"], "tests": ["tests/test_a.py::test_*"]},
        "depends_on": [first.pk],
        "version": before["version"],
    }
    status, after = shop.patch(f"/todo/entries/{second.pk}", body)
    del body["version"]
    assert status == 200 and {name: after[name] for name in body} == body
    assert after["version"] != before["version"] and after["source"] is None


def test_a_missing_value_stays(shop: Api, workspace: Workspace) -> None:
    entry = an_entry(workspace, files=["a.py"], content="First")
    after = shop.patch(f"/todo/entries/{entry.pk}", {"group": "Dates"}).json
    assert (after["content"], after["spec"], after["group"]) == ("First", {"files_to_modify": ["a.py"]}, "Dates")


def test_an_outdated_version_is_refused_and_nothing_is_overwritten(shop: Api, workspace: Workspace) -> None:
    entry = an_entry(workspace)
    seen = shop.get(f"/todo/entries/{entry.pk}").json["version"]
    shop.patch(f"/todo/entries/{entry.pk}", {"content": "First", "version": seen})
    status, body = shop.patch(f"/todo/entries/{entry.pk}", {"content": "Second", "version": seen})
    assert status == 409 and body["name"] == "ConflictError" and "changed by token:test" in body["data"]["message"]
    assert Entry.objects.get(pk=entry.pk).content == "First"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"content": " "}, "content"),
        ({"content": 1}, "content"),
        ({"colour": "red"}, "colour"),
        ({"spec": {"tests": ["x" * 301]}}, "spec.tests.0"),
        ({"spec": {"tests": ["x"] * 201}}, "spec.tests"),
        ({"spec": {"tests": [" "]}}, "spec.tests.0"),
        ({"spec": {"files_to_modify": ["../x"]}}, "files_to_modify"),
        ({"depends_on": ["entry_x"]}, "depends_on"),
        ({"group": "x" * 201}, "group"),
    ],
)
def test_bad_values_are_named(shop: Api, workspace: Workspace, body: dict[str, Any], name: str) -> None:
    entry = an_entry(workspace, content="As it was")
    response = shop.patch(f"/todo/entries/{entry.pk}", body)
    assert response.status == 400 and response.json["errors"][0]["propertyNames"] == [name]
    assert Entry.objects.get(pk=entry.pk).content == "As it was"


@pytest.mark.django_db
def test_an_entry_asks_for_an_agent_by_its_name_and_goes_back_to_the_usual_one() -> None:
    workspace = a_workspace(agents={"cheap": {"kind": "gemini"}})
    shop = Api(workspace, a_token())
    items = [{"content": "One", "agent": "cheap"}, {"content": "Two", "agent": None}, {"content": "Three", "agent": "default"}]
    first, *others = shop.post("/todo/entries", {"entries": items}).json["entries"]
    assert [first["agent"], *(other["agent"] for other in others)] == ["cheap", None, None]
    assert shop.get(f"/todo/entries/{first['id']}").json["agent"] == "cheap"
    at = f"/todo/entries/{others[0]['id']}"
    agents = [shop.patch(at, {"agent": name}).json["agent"] for name in ("cheap", None, "", "cheap", "default")]
    assert agents == ["cheap", "cheap", None, "cheap", None]
    assert shop.get(at).json["version"] == others[0]["version"]


@pytest.mark.django_db
def test_an_entry_has_a_route_of_its_own_as_steps_or_as_people_write_it() -> None:
    workspace = a_workspace(agents={"cheap": {"kind": "codex"}, "strong": {"kind": "claude_code"}})
    shop = Api(workspace, a_token())
    steps = [{"agent": "cheap", "rounds": 2}, {"agent": "strong", "effort": "high", "rounds": 1}]
    items = [{"content": "One", "route": steps}, {"content": "Two", "route": "cheap 2 > strong high"}, {"content": "Three"}]
    listed, written, three = shop.post("/todo/entries", {"entries": items}).json["entries"]
    whole = [{"agent": "cheap", "effort": None, "rounds": 2}, {"agent": "strong", "effort": "high", "rounds": 1}]
    whole = [step | {"candidates": 1} for step in whole]
    assert (listed["route"], written["route"], three["route"]) == (whole, whole, [])
    assert (listed["step"], listed["next_agent"], listed["next_effort"], three["next_agent"]) == (1, "cheap", None, "default")
    at = f"/todo/entries/{three['id']}"
    assert [shop.patch(at, {"route": route}).json["next_agent"] for route in ("strong", None, [], "cheap")] == [
        "strong",
        "strong",
        "default",
        "cheap",
    ]
    for bad in ("gone", "cheap >", [{"agent": "strong", "effort": "huge"}], [{"rounds": 0}], "cheap > " * 11 + "cheap", 3):
        answer = shop.patch(at, {"route": bad})
        assert answer.status == 400 and answer.json["errors"][0]["propertyNames"][0].startswith("route"), answer.json
    assert shop.get(at).json["next_agent"] == "cheap"


@pytest.mark.parametrize("name", ["gone", "x" * 64, 1])
def test_an_agent_that_the_config_does_not_have_is_named_as_bad_input(shop: Api, workspace: Workspace, name: Any) -> None:
    entry = an_entry(workspace)
    for answer, field in (
        (shop.patch(f"/todo/entries/{entry.pk}", {"agent": name}), "agent"),
        (
            shop.post("/todo/entries", {"entries": [{"content": "A", "agent": name}]}),
            "agent" if name == "gone" else "entries.0.agent",
        ),
    ):
        assert answer.status == 400 and answer.json["errors"][0]["propertyNames"] == [field]
    assert Entry.objects.filter(workspace=workspace).count() == 1


def test_an_entry_at_work_is_refused_with_a_sentence(shop: Api, workspace: Workspace) -> None:
    entry = a_session(an_entry(workspace)).entry
    response = shop.patch(f"/todo/entries/{entry.pk}", {"content": "Other"})
    assert response.status == 400 and "stop its session first" in response.json["errors"][0]["message"]


def test_a_viewer_changes_nothing(workspace: Workspace) -> None:
    entry = an_entry(workspace)
    assert Api(workspace, a_token(role="viewer")).patch(f"/todo/entries/{entry.pk}", {"content": "x"}).status == 403
    assert Api(workspace, a_token()).patch("/todo/entries/entry_x", {"content": "x"}).status == 404


def test_an_added_entry_takes_a_group_and_tests(shop: Api) -> None:
    body = {"entries": [{"content": "A", "group": "Dates", "spec": {"tests": ["test_a"]}}]}
    created = shop.post("/todo/entries", body).json["entries"][0]
    assert (created["group"], created["spec"]) == ("Dates", {"tests": ["test_a"]})
