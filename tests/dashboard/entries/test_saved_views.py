"""Saved views: operators name them for the team, all members see them, a name is there once."""

import pytest
from django.db import IntegrityError
from django.test import Client

from dashboard.entries import saved_views as page_of_views
from tests.dashboard.entries.test_list import at
from tests.dashboard.overview.test_page import in_line, text_of
from tests.dashboard.page_requests import page_request
from tests.factories import ANA, a_workspace
from workspaces.errors import Invalid
from workspaces.models import Event, SavedView, Workspace
from workspaces.people import saved_views


def save(client: Client, workspace: Workspace, name: str, query: str = "status=blocked") -> str:
    """The page afterwards."""
    form_data = {"name": name, "query": query, "next": at(workspace)}
    return in_line(client.post(at(workspace, "views/"), form_data, follow=True).content.decode())


def change(client: Client, workspace: Workspace, view_name: str, verb: str, **form_data: str) -> int:
    view = SavedView.objects.get(workspace=workspace, name=view_name)
    return client.post(at(workspace, f"views/{view.pk}/{verb}/"), form_data | {"next": at(workspace)}).status_code


def test_a_view_is_saved_for_all_and_marked_where_it_is_shown(otto: Client, vera: Client, workspace: Workspace) -> None:
    assert "The view Stuck is saved for the team" in save(
        otto, workspace, "Stuck", "sort=-spent&q=app&after=5_7&nonsense=1&done=hide"
    )
    assert SavedView.objects.get().query == "done=hide&q=app&sort=-spent"
    seen = text_of(vera, at(workspace), q="app", sort="-spent", done="hide")
    assert '<a href="?done=hide&amp;q=app&amp;sort=-spent" aria-current="true">Stuck</a>' in seen
    assert 'href="?done=hide&amp;q=app&amp;sort=-spent">Stuck</a>' in text_of(vera, at(workspace))


def test_a_viewer_sees_no_form_and_changes_nothing(vera: Client, workspace: Workspace) -> None:
    saved_views.save(workspace, "Stuck", "", by=ANA)
    seen = text_of(vera, at(workspace))
    assert ">Stuck</a>" in seen and "views-more" not in seen
    assert vera.post(at(workspace, "views/"), {"name": "Mine"}).status_code == 403
    assert change(vera, workspace, "Stuck", "rename", name="Mine") == 403 == change(vera, workspace, "Stuck", "delete")
    assert [view.name for view in SavedView.objects.all()] == ["Stuck"]


def test_a_name_is_there_once_whatever_its_case(otto: Client, workspace: Workspace) -> None:
    save(otto, workspace, "Stuck")
    assert "There is a view of that name already" in save(otto, workspace, "stuck")
    save(otto, workspace, "Mine")
    change(otto, workspace, "Mine", "rename", name="STUCK")
    assert sorted(SavedView.objects.values_list("name", flat=True)) == ["Mine", "Stuck"]
    with pytest.raises(IntegrityError):
        SavedView.objects.create(workspace=workspace, name="sTuck")


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        ("", "", "Enter a name for the view"),
        ("x" * 61, "", "at most 60 characters"),
        ("Long", "q=" + "€" * 300, "use fewer words"),
        ("Longer", "q=" + "x" * 5000, "at most 4000 characters"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_a_sentence(
    otto: Client, workspace: Workspace, name: str, query: str, sentence: str
) -> None:
    assert sentence in save(otto, workspace, name, query) and not SavedView.objects.exists()


def test_a_view_is_renamed_and_deleted_and_the_deletion_undone(otto: Client, workspace: Workspace) -> None:
    save(otto, workspace, "Stuck")
    assert change(otto, workspace, "Stuck", "rename", name="To look at") == 303
    view = SavedView.objects.get(name="To look at")
    response = otto.post(at(workspace, f"views/{view.pk}/delete/"), headers={"HX-Request": "true"})
    seen = in_line(response.content.decode())
    assert "The view To look at is deleted" in seen and 'name="query" value="status=blocked"' in seen
    assert not SavedView.objects.exists()
    verbs = Event.objects.filter(verb__startswith="view.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["view.saved", "view.renamed", "view.deleted"]
    assert "renamed the view Stuck to To look at" in text_of(otto, f"/w/{workspace.pk}/settings/activity/", verb="entry")


def test_a_view_that_is_gone_or_elsewhere_is_not_found(otto: Client, workspace: Workspace) -> None:
    for number in ("1", "9" * 18):
        assert otto.post(at(workspace, f"views/{number}/delete/")).status_code == 404


def test_there_are_so_many_views_at_most(workspace: Workspace) -> None:
    for n in range(saved_views.MAX_VIEWS):
        saved_views.save(workspace, f"{n}", "", by=ANA)
    with pytest.raises(Invalid, match="delete one first"):
        saved_views.save(workspace, "more", "", by=ANA)


def test_the_views_of_this_workspace_are_in_the_order_of_their_names(otto: Client, workspace: Workspace) -> None:
    other = a_workspace(name="Other")
    for where, name, query in (
        (workspace, "Zoo", "q=app&sort=-spent"), (workspace, "All", ""), (workspace, "App", "q=app"), (other, "Theirs", "q=app"),
    ):  # fmt: skip
        saved_views.save(where, name, query, by=ANA)

    def shown(**query: str) -> tuple[list[tuple[str, bool]], str]:
        context = page_of_views.region(page_request(workspace, **query))
        return [(view.name, is_this) for view, is_this in context["saved"]], context["this_view"]

    assert shown() == ([("All", True), ("App", False), ("Zoo", False)], "")
    assert shown(q="app", after="1_1", nonsense="x") == ([("All", False), ("App", True), ("Zoo", False)], "q=app")
    assert shown(sort="-spent", q="app")[0] == [("All", False), ("App", False), ("Zoo", True)]
    theirs = SavedView.objects.get(workspace=other)
    for verb in ("rename", "delete"):
        assert otto.post(at(workspace, f"views/{theirs.pk}/{verb}/"), {"name": "Mine"}).status_code == 404
    assert SavedView.objects.filter(pk=theirs.pk, name="Theirs").exists()


def test_a_search_as_long_as_a_view_may_be_is_saved(otto: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_of_views, "MAX_QUERY", 7)
    assert "is saved for the team" in save(otto, workspace, "Five", "q=12345")
    assert "use fewer words" in save(otto, workspace, "Six", "q=123456")
