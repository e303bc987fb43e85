"""The search of the whole site: what it finds, for whom, and at what cost."""

import html
import re

import pytest
from django.test import Client

from orchestration.executor import control
from orchestration.models import Entry, Executor
from tests.dashboard.overview.test_page import statements, text_of
from tests.dashboard.seeds import entries as seed
from workspaces.models import Workspace


def hits(client: Client, workspace: Workspace | None, q: str) -> dict[str, str]:
    """The options of the palette: their addresses by their titles."""
    seen = text_of(client, "/find/", q=q, fragment="hits", w=workspace.pk if workspace else "")
    options = re.findall(r'role="option"[^>]*?(?:href|formaction)="([^"]+)"[^>]*><span>([^<]+)<', seen)
    return {html.unescape(title): html.unescape(address) for address, title in options}


def test_an_entry_is_there_by_its_words_and_by_its_number(ana: Client, workspace: Workspace) -> None:
    entry = Entry.objects.get(workspace=workspace, seq=5)
    for q in ("sort invoices", "#5", "5", entry.pk):
        assert hits(ana, workspace, q)[f"#5 {entry.title}"] == f"/w/{workspace.pk}/backlog/{entry.pk}/", q


def test_the_entry_with_the_number_comes_before_those_that_only_name_it(ana: Client, workspace: Workspace) -> None:
    Entry.objects.filter(workspace=workspace, seq=9).update(content="Undo what 5 did")
    assert [title.split()[0] for title in hits(ana, workspace, "5") if title.startswith("#")][:2] == ["#5", "#9"]


def test_a_session_a_file_a_setting_a_page_and_a_workspace_are_there(ana: Client, workspace: Workspace) -> None:
    assert any(title.startswith("Session on #") for title in hits(ana, workspace, ""))
    path = Entry.objects.filter(workspace=workspace).exclude(paths=[]).order_by("seq")[0].paths[0]
    assert "file:" in hits(ana, workspace, path)[path] or "file%3A" in hits(ana, workspace, path)[path]
    assert hits(ana, workspace, "concurrency")["Concurrency"].endswith("/settings/config/#f-max_workers")
    assert hits(ana, workspace, "land")["Landing"] == f"/w/{workspace.pk}/landing/"
    assert hits(ana, None, "invoi")["Invoices"] == f"/w/{workspace.pk}/"


def test_an_action_is_the_form_of_its_page_and_a_stop_leads_to_its_question(otto: Client, workspace: Workspace) -> None:
    listed = hits(otto, workspace, "")
    assert listed["Pause dispatch"] == f"/w/{workspace.pk}/settings/executor/pause/"
    control.pause(workspace.pk, by=seed.ANA)
    listed = hits(otto, workspace, "")
    assert "Pause dispatch" not in listed and listed["Resume dispatch"] == f"/w/{workspace.pk}/settings/executor/resume/"
    question = otto.get(listed["Stop all…"])
    assert question.status_code == 200 and b"Stop all now" in question.content


def test_a_role_sees_only_the_actions_that_it_may_take(vera: Client, otto: Client, bea: Client, workspace: Workspace) -> None:
    assert not {"New entry", "Stop all…", "Pause dispatch", "Change the cap…"} & hits(vera, workspace, "").keys()
    assert "Change the cap…" not in hits(otto, workspace, "cap") and "Change the cap…" in hits(bea, workspace, "cap")
    assert "Concurrency" not in hits(otto, workspace, "concurrency") and "New workspace" not in hits(otto, workspace, "new")


def test_nothing_of_a_workspace_is_there_for_a_stranger(nils: Client, workspace: Workspace) -> None:
    for q in ("", "invoices", "#5", "sort"):
        assert str(workspace.pk) not in "".join(hits(nils, workspace, q).values()), q


def test_all_workspaces_of_a_person_are_searched_from_home(ana: Client, workspace: Workspace) -> None:
    other = seed.empty("Other", cap="9", budget="9")
    seed.plenty(other, 3)
    addresses = set(hits(ana, None, "#1").values())
    assert {f"/w/{place.pk}/backlog/{Entry.objects.get(workspace=place, seq=1).pk}/" for place in (workspace, other)} <= addresses
    assert not any(f"/w/{other.pk}/backlog/" in address for address in hits(ana, workspace, "#1").values())


def test_without_script_the_page_has_the_same_as_links_and_forms(otto: Client, workspace: Workspace) -> None:
    seen = text_of(otto, "/find/", q="pause", w=workspace.pk)
    assert f'<form method="post" action="/w/{workspace.pk}/settings/executor/pause/">' in seen and 'role="option"' not in seen
    version = re.search(r'name="version" value="(\d+)"', seen)
    assert version is not None
    assert otto.post(f"/w/{workspace.pk}/settings/executor/pause/", {"version": version[1]}).status_code == 303
    assert Executor.objects.get(pk=workspace.pk).state == "paused"


@pytest.mark.parametrize("q", ["", "task", "nothing like it"])
def test_the_search_takes_the_same_few_queries_for_any_backlog(ana: Client, q: str) -> None:
    few, many = (seed.empty(name, cap="9000", budget="9000") for name in ("Few", "Many"))
    seed.plenty(few, 10)
    seed.plenty(many, 500)
    counts = [statements(ana, f"/find/?q={q}&w={workspace.pk}") for workspace in (few, many)]
    assert counts[0] == counts[1] <= 10, counts
