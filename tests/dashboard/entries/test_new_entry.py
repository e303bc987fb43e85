"""A new entry by its form."""

from typing import Any

import pytest
from django.test import Client

from dashboard.new_entry import form
from orchestration.backlog import entries
from orchestration.backlog.entries import Draft
from orchestration.configuration import workspace_setup
from orchestration.models import Entry
from tests.dashboard.overview.test_page import in_line, text_of
from tests.dashboard.seeds import entries as seed
from workspaces.models import Workspace

KEY = "k" * 32


def write(client: Client, workspace: Workspace, **form_data: Any) -> Any:
    return client.post(f"/w/{workspace.pk}/backlog/new/", {"content": "Mend it", "key": KEY} | form_data)


def newest(workspace: Workspace) -> Entry:
    return Entry.objects.select_related("account").filter(workspace=workspace).order_by("-seq")[0]


def test_an_entry_is_written(otto: Client, workspace: Workspace) -> None:
    form_data = {
        "requirements": "fast\r\nsmall",
        "criteria": "a\n\nb",
        "modifies": "app/x.py",
        "creates": "new/",
        "after": "3, #12",
    }
    response = write(
        otto, workspace, **form_data, priority="high", budget="$1,200.50", rounds="7", group="docs", alone="1", labels="gpu, eu"
    )
    entry = newest(workspace)
    assert response.status_code == 303 and response.url == f"/w/{workspace.pk}/backlog/{entry.pk}/"
    assert entry.spec == {
        "requirements": "fast\nsmall",
        "acceptance_criteria": ["a", "b"],
        "files_to_create": ["new/"],
        "files_to_modify": ["app/x.py"],
    }
    assert sorted(entry.dependencies.values_list("depends_on__seq", flat=True)) == [3, 12]
    assert (entry.account.budget, entry.budget_rounds, entry.priority, entry.parallel_group) == (1_200_500_000, 7, 1, "docs")
    assert not entry.parallelizable and entry.requires == ["gpu", "eu"]
    assert "Runs on hosts with</dt><dd>gpu, eu" in text_of(otto, response.url, tab="brief")


def test_an_entry_asks_for_an_agent_where_there_are_several(otto: Client, workspace: Workspace) -> None:
    page = f"/w/{workspace.pk}/backlog/new/"
    assert 'id="f-agent"' not in text_of(otto, page)
    agents = {"cheap": {"kind": "gemini", "model": "flash"}}
    workspace_setup.configure(workspace, {"agents": agents}, by=seed.ANA)
    assert '<option value="cheap">cheap: Gemini CLI, flash</option>' in text_of(otto, page)
    response = write(otto, workspace, agent="cheap")
    assert newest(workspace).agent == "cheap" and "Agent</dt><dd>cheap</dd>" in text_of(otto, response.url, tab="brief")
    wrong = write(otto, workspace, agent="gone", key="l" * 32)
    assert wrong.status_code == 422 and "The config has no agent &#x27;gone&#x27;" in in_line(wrong.content.decode())


def test_an_entry_needs_no_more_than_its_content(otto: Client, workspace: Workspace) -> None:
    write(otto, workspace)
    assert not newest(workspace).account.own_budget and newest(workspace).budget_rounds == 5


@pytest.mark.parametrize(
    ("form_data", "words"),
    [
        ({"content": " "}, "content"),
        ({"content": "a\x00b"}, "NUL"),
        ({"modifies": "../secret"}, "../secret"),
        ({"after": "#99"}, "There is no entry #99"),
        ({"after": "everything"}, "&#x27;everything&#x27;"),
        ({"budget": "12,50"}, "point before the cents"),
        ({"budget": "1e999"}, "amount"),
        ({"rounds": "0"}, "greater than or equal to 1"),
        ({"rounds": "many"}, "whole number of rounds"),
        ({"priority": "urgent"}, "priority"),
        ({"group": "g" * 101}, "100"),
        ({"labels": "g/u"}, "is not a label"),
    ],
)
def test_invalid_fields_are_reported_and_the_input_stays(
    otto: Client, workspace: Workspace, form_data: dict[str, str], words: str
) -> None:
    before = Entry.objects.count()
    response = write(otto, workspace, criteria="kept as it was", **form_data)
    seen = in_line(response.content.decode())
    assert response.status_code == 422 and words in seen and "kept as it was" in seen and Entry.objects.count() == before


def test_the_form_sent_twice_adds_one(otto: Client, workspace: Workspace) -> None:
    before = Entry.objects.count()
    first, second = write(otto, workspace), write(otto, workspace)
    assert first.url == second.url and Entry.objects.count() == before + 1
    assert write(otto, workspace, key="l" * 32).url != first.url


def test_what_it_waits_for_can_be_searched(otto: Client, workspace: Workspace) -> None:
    seen = text_of(otto, f"/w/{workspace.pk}/backlog/new/", fragment="hits", find="exchange rates")
    assert 'data-number="#3"' in seen and "<html" not in seen


def test_a_key_is_of_its_workspace(otto: Client, workspace: Workspace) -> None:
    other = seed.empty("Other")
    created = [
        entries.add(each.pk, [Draft("A"), Draft("B")], by=seed.ANA, idempotency_key=KEY) for each in (workspace, other, workspace)
    ]
    assert created[0] == created[2] and created[0][0].pk != created[1][0].pk and [len(some) for some in created] == [2, 2, 2]


@pytest.mark.parametrize(
    ("field", "message", "content", "shown"),
    [
        ("content", "content string should have at least 1 character", " ", "Describe the task"),
        ("content", "content string should have at most 9 characters", "Long", "String should have at most 9 characters"),
        ("modifies", "spec.files_to_modify '../x': a path leads out", "Task", "'../x': a path leads out"),
        ("after", "There is no entry #99", "Task", "There is no entry #99"),
    ],
)
def test_a_problem_of_the_form_does_not_name_the_property_of_the_api(field: str, message: str, content: str, shown: str) -> None:
    assert form.in_words(field, message, {"content": content}) == shown
