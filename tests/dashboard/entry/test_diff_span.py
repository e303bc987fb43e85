"""Between which commits the diff of an entry is, by the branch of its workspace; and whose patch anyone may have."""

from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from dashboard.diffs import reading, viewing
from dashboard.entry import diff
from orchestration.models import Entry, Executor, Round, Session
from orchestration.repositories import patches
from tests.dashboard.conftest import client_of
from tests.dashboard.page_requests import page_request
from tests.factories import a_workspace, an_entry
from workspaces.models import Workspace

A, B, C, D, LEFT = (letter * 40 for letter in "abcde")
MERGED = "It is merged into work: from where its own changes begin to its newest commit."


@pytest.fixture
def entry(db: None) -> Entry:
    """Two rounds with commits, the third without; an entry next to it has others."""
    shop = a_workspace(integration_branch="work")
    entry, neighbour = an_entry(shop), an_entry(shop)
    for target, number, base, commit in ((entry, 1, A, B), (entry, 2, B, C), (entry, 3, C, ""), (neighbour, 1, D, D)):
        session = Session.objects.create(
            workspace=shop, entry=target, attempt=number, status="ended", outcome="failed", ended_at=now()
        )
        Round.objects.create(entry=target, session=session, number=number, base_commit=base, commit=commit)
    return entry


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The branch and the commit whose merge base was read; it is `LEFT`."""
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(patches, "merge_base", lambda repo, branch, commit: seen.append((branch, commit)) or LEFT)
    return seen


def span(entry: Entry) -> tuple[str, str, str]:
    return diff._span(page_request(entry.workspace), entry)


def test_it_is_from_where_the_branch_left_to_the_newest_commit(entry: Entry, asked: list[tuple[str, str]]) -> None:
    assert span(entry) == (LEFT, C, "Against work, from where this entry's branch left it.") and asked == [("work", C)]


@pytest.mark.parametrize("left", ["", C])
def test_after_the_merge_it_is_from_where_its_own_changes_begin(entry: Entry, monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    monkeypatch.setattr(patches, "merge_base", lambda repo, branch, commit: left)
    assert span(entry) == (B, C, MERGED), "what landed between its rounds is not its own"


def test_an_entry_that_changed_nothing_has_an_empty_diff(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its branch is at the newest commit of the integration branch, which is of others."""
    Round.objects.filter(entry=entry, number=2).update(base_commit=C)
    monkeypatch.setattr(patches, "merge_base", lambda repo, branch, commit: C)
    assert span(entry) == (C, C, "It changes nothing against work.")


def test_without_a_commit_there_is_no_diff(entry: Entry) -> None:
    Round.objects.filter(entry=entry).update(commit="")
    assert span(entry) == ("", "", "")


def test_one_file_is_shown_where_one_is_asked_for(ana: Client, entry: Entry, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, str, str]] = []

    def view(repo: str, base: str, commit: str, *, only: str, mask: Any) -> viewing.View:
        shown.append((base, commit, only))
        return viewing.View([])

    monkeypatch.setattr(viewing, "view", view)
    for file in ("", " a.py"):
        ana.get(f"/w/{entry.workspace_id}/backlog/{entry.pk}/diff/", {"file": file})
    assert shown == [(LEFT, C, ""), (LEFT, C, " a.py")]


def test_a_patch_that_is_cut_ends_with_a_remark(ana: Client, entry: Entry, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"/w/{entry.workspace_id}/backlog/{entry.pk}/diff/patch/"
    for whole in (True, False):
        monkeypatch.setattr(reading, "patch", lambda repo, base, commit, whole=whole: (f"{base} {commit}", whole))
        end = "" if whole else "\n# Cut here: it is longer than 10,000,000 bytes.\n"
        assert ana.get(address).content.decode() == f"{LEFT} {C}{end}"


def test_values_of_the_environment_of_its_agent_are_masked_in_the_patch(
    ana: Client, entry: Entry, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "patch", lambda repo, base, commit: ("key hunter2-hunter2", True))
    address = f"/w/{entry.workspace_id}/backlog/{entry.pk}/diff/patch/"
    assert "hunter2" in ana.get(address).content.decode()
    config = Executor.objects.get(pk=entry.workspace_id).config
    agent = {"command": "x", "env": {"API_KEY": "hunter2-hunter2"}}
    Executor.objects.filter(pk=entry.workspace_id).update(config=config | {"agent": agent})
    assert "hunter2" not in ana.get(address).content.decode()


def test_a_patch_is_for_members_of_its_workspace(entry: Entry, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "patch", lambda repo, base, commit: ("text", True))
    other = a_workspace(name="Other")
    mallory = client_of("mallory", "admin", other)
    for where in (other, Workspace.objects.get(pk=entry.workspace_id)):
        assert mallory.get(f"/w/{where.pk}/backlog/{entry.pk}/diff/patch/").status_code == 404
    Entry.objects.filter(pk=entry.pk).update(deleted_at=now())
    vera = client_of("vera", "viewer", entry.workspace)
    assert vera.get(f"/w/{entry.workspace_id}/backlog/{entry.pk}/diff/patch/").status_code == 404


def test_an_assignment_names_the_new_person_or_none(entry: Entry) -> None:
    otto = client_of("otto", "operator", entry.workspace)
    address = f"/w/{entry.workspace_id}/backlog/{entry.pk}/set/assign/"
    Entry.objects.filter(pk=entry.pk).update(assigned_to="Ana")
    for name, sentence, stored in ((" Bea ", "#1 is assigned to Bea", "Bea"), ("", "#1 is unassigned", "")):
        seen = otto.post(address, {"assigned_to": name}, headers={"HX-Request": "true"}).content.decode()
        assert sentence in seen and Entry.objects.get(pk=entry.pk).assigned_to == stored
