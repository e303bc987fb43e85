"""An entry is edited, duplicated and deleted on its pages."""

import re
from typing import Any

import pytest
from django.test import Client

from orchestration.backlog import content
from orchestration.configuration import workspace_setup
from orchestration.models import Entry, Executor
from tests.dashboard.overview.test_page import in_line
from tests.dashboard.seeds import entries as seed
from workspaces.models import Event, Workspace


def entry(workspace: Workspace, seq: int) -> Entry:
    return Entry.objects.get(workspace=workspace, seq=seq)


def address(row: Entry, tail: str = "edit/") -> str:
    return f"/w/{row.workspace_id}/backlog/{row.pk}/{tail}"


def fields(page: str) -> dict[str, str]:
    """The fields that a browser would send of the form."""
    inputs = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', page))
    texts = dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\n([^<]*)</textarea>', page, re.S))
    return inputs | texts


def opened(client: Client, row: Entry) -> dict[str, str]:
    response = client.get(address(row))
    assert response.status_code == 200
    return fields(response.content.decode())


def save(client: Client, row: Entry, form: dict[str, str], **changes: str) -> Any:
    return client.post(address(row), form | changes)


def test_an_entry_is_edited(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 10)
    response = save(
        otto,
        row,
        opened(otto, row),
        content="Remove the discount table\r\n\r\nAnd its migration.",
        criteria="All tests pass\nThe table is gone",
        modifies="app/models.py\napp/migrations/",
        tests="tests/test_models.py::*",
        after="#2, 12",
        heading="Clean up",
        labels="eu",
        reason="agreed",
    )
    assert response.status_code == 303 and response.url == address(row, "?tab=brief")
    row = entry(workspace, 10)
    assert row.content == "Remove the discount table\n\nAnd its migration." and row.group == "Clean up" and row.requires == ["eu"]
    assert row.spec == {
        "acceptance_criteria": ["All tests pass", "The table is gone"],
        "files_to_modify": ["app/models.py", "app/migrations/"],
        "tests": ["tests/test_models.py::*"],
    }
    assert list(row.dependencies.order_by("depends_on__seq").values_list("depends_on__seq", flat=True)) == [2, 12]
    assert Event.objects.filter(verb="entry.edited", object_id=row.pk, reason="agreed", actor="otto").exists()


def test_an_edit_changes_the_agent_and_keeps_one_that_the_page_does_not_offer(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 10)
    workspace_setup.configure(workspace, {"agents": {"cheap": {"kind": "gemini"}}}, by=seed.ANA)
    assert save(otto, row, opened(otto, row), agent="cheap").status_code == 303 and entry(workspace, 10).agent == "cheap"
    assert save(otto, row, opened(otto, row), agent="gone").status_code == 422
    Executor.objects.filter(pk=workspace.pk).update(config={})  # by a restored config
    assert opened(otto, row)["agent"] == "cheap"
    assert save(otto, row, opened(otto, row), agent="").status_code == 303 and entry(workspace, 10).agent == ""


def test_a_form_saved_as_it_was_changes_nothing(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 10)
    Entry.objects.filter(pk=row.pk).update(spec=row.spec | {"requirements": ["a", "b"], "examples": {"x": 1}})
    before = Entry.objects.filter(pk=row.pk).values("content", "spec", "paths", "group").get()
    assert save(otto, row, opened(otto, row)).status_code == 303
    assert Entry.objects.filter(pk=row.pk).values("content", "spec", "paths", "group").get() == before
    assert not Event.objects.filter(verb="entry.edited").exists()


def test_the_second_editor_sees_what_the_first_one_saved_and_overwrites_it_only_knowingly(
    otto: Client, workspace: Workspace
) -> None:
    row = entry(workspace, 10)
    form = opened(otto, row)
    content.edit(row, content.Change(content="Ana's words"), by=seed.ANA)
    response = save(otto, row, form, content="Otto's words")
    seen = in_line(response.content.decode())
    assert response.status_code == 409 and "changed by ana since you opened it" in seen
    assert "Ana&#x27;s words" in seen and "Otto&#x27;s words" in seen and entry(workspace, 10).content == "Ana's words"
    again = fields(response.content.decode())
    assert save(otto, row, form, content="Otto's words", version=again["version"]).status_code == 303
    assert entry(workspace, 10).content == "Otto's words"


def test_a_form_without_its_version_overwrites_nothing(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 10)
    assert save(otto, row, {"content": "Other"}).status_code == 409 and entry(workspace, 10).content == row.content


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"content": " "}, "content", "content"),
        ({"modifies": "../secret"}, "modifies", "../secret"),
        ({"after": "#99"}, "after", "There is no entry #99"),
        ({"after": "#10"}, "after", "cannot wait for itself"),
        ({"tests": "x" * 301}, "tests", "300"),
        ({"heading": "x" * 201}, "heading", "200"),
        ({"content": "a\x00b"}, "content", "NUL"),
    ],
)
def test_errors_stand_at_their_field_and_what_was_typed_stays(
    otto: Client, workspace: Workspace, changes: dict[str, str], field: str, words: str
) -> None:
    row = entry(workspace, 10)
    response = save(otto, row, opened(otto, row) | {"criteria": "kept as typed"}, **changes)
    seen = response.content.decode()
    assert response.status_code == 422 and f'href="#f-{field}"' in seen and words in in_line(seen) and "kept as typed" in seen
    assert entry(workspace, 10).spec == row.spec


def test_an_entry_at_work_is_shown_and_not_changed(otto: Client, workspace: Workspace) -> None:
    row = Entry.objects.filter(workspace=workspace, status="in_progress")[0]
    response = save(otto, row, opened(otto, row), content="Other")
    assert response.status_code == 422 and "stop its session first" in response.content.decode()
    assert Entry.objects.get(pk=row.pk).content == row.content


def test_a_duplicate_begins_as_a_form_with_the_same_values(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 12)
    before = Entry.objects.count()
    form = fields(otto.get(f"/w/{workspace.pk}/backlog/new/?copy={row.pk}").content.decode())
    assert Entry.objects.count() == before
    response = otto.post(f"/w/{workspace.pk}/backlog/new/", form | {"content": "Document app/mail.py"})
    copy = Entry.objects.get(pk=response.url.rstrip("/").rpartition("/")[2])
    assert (copy.content, copy.spec, copy.paths) == ("Document app/mail.py", row.spec, row.paths)
    assert list(copy.dependencies.values_list("depends_on__seq", flat=True)) == [3]
    assert otto.get(f"/w/{workspace.pk}/backlog/new/?copy=entry_x").status_code == 404


def test_an_entry_is_deleted_after_a_question(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 12)
    question = otto.get(address(row, "delete/"))
    assert question.status_code == 200 and otto.post(address(row, "delete/")).status_code == 409
    assert entry(workspace, 12).deleted_at is None
    response = otto.post(address(row, "delete/"), fields(question.content.decode()))
    assert response.status_code == 303 and response.url == f"/w/{workspace.pk}/backlog/"
    assert entry(workspace, 12).deleted_at is not None and otto.get(address(row)).status_code == 404


def test_an_entry_that_others_wait_for_is_not_deleted(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 3)
    form = fields(otto.get(address(row, "delete/")).content.decode())
    response = otto.post(address(row, "delete/"), form, follow=True)
    assert "Other entries depend on it" in in_line(response.content.decode()) and entry(workspace, 3).deleted_at is None


def test_viewers_see_no_such_buttons_and_may_not_edit(vera: Client, workspace: Workspace) -> None:
    row = entry(workspace, 10)
    seen = vera.get(address(row, "")).content.decode()
    assert 'id="edit"' not in seen and vera.get(address(row)).status_code == 403
    assert vera.get(address(row, "delete/")).status_code == 403


def test_a_form_that_came_back_for_an_error_still_knows_the_version_that_it_showed(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 10)
    form = opened(otto, row)
    content.edit(row, content.Change(content="Ana's words"), by=seed.ANA)
    again = fields(save(otto, row, form, modifies="../secret").content.decode())
    assert again["version"] == form["version"]
    assert save(otto, row, again, modifies="", content="Otto's words").status_code == 409
    assert entry(workspace, 10).content == "Ana's words"


def test_of_several_errors_of_a_field_the_first_is_shown(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 10)
    wrong = save(otto, row, opened(otto, row), after="#97, #98", modifies="../first\n../second").context["wrong"]
    assert "#97" in wrong["after"] and "../first" in wrong["modifies"] and set(wrong) == {"after", "modifies"}


def test_a_refused_deletion_names_entries_by_their_numbers(otto: Client, workspace: Workspace) -> None:
    row = entry(workspace, 3)
    form = fields(otto.get(address(row, "delete/")).content.decode())
    seen = in_line(otto.post(address(row, "delete/"), form, follow=True).content.decode())
    assert "#3 was not deleted. Other entries depend on it: #8, #12" in seen
