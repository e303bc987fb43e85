"""The diff of an entry as a patch: from where its branch left the integration branch, with secrets masked."""

from pathlib import Path

import pytest
from django.utils.timezone import now

from orchestration.configuration import secrets
from orchestration.models import Entry, Round, Session
from tests.contract.api import Api, not_found
from tests.dashboard.diffs.test_pages import Two, write
from tests.factories import ANA, a_token, a_workspace, an_entry
from workspaces.models import Workspace


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


@pytest.fixture
def workspace(db: None, two: Two) -> Workspace:
    return a_workspace(repo=str(two.repo))


def with_a_commit(workspace: Workspace, base: str, commit: str) -> Entry:
    entry = an_entry(workspace)
    session = Session.objects.create(
        workspace=workspace, entry=entry, attempt=1, status="ended", outcome="failed", ended_at=now()
    )
    Round.objects.create(entry=entry, session=session, number=1, base_commit=base, commit=commit)
    return entry


def committed(two: Two, text: str) -> str:
    write(two.repo / "new", text)
    return two.commit()


def test_it_is_the_patch_of_the_newest_commit(shop: Api, workspace: Workspace, two: Two) -> None:
    entry = with_a_commit(workspace, two.base, committed(two, "fresh\n"))
    response = Api(workspace, a_token(workspace, "viewer")).get(f"/todo/entries/{entry.pk}/diff")
    assert response.status == 200 and response.text.startswith("diff --git a/new b/new") and "\n+fresh\n" in response.text
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_secrets_are_masked(shop: Api, workspace: Workspace, two: Two) -> None:
    secrets.put(workspace.pk, "KEY", "hunter2-hunter2", by=ANA)
    entry = with_a_commit(workspace, two.base, committed(two, "hunter2-hunter2\n"))
    assert "hunter2" not in shop.get(f"/todo/entries/{entry.pk}/diff").text


def test_before_the_first_commit_there_is_none(shop: Api, workspace: Workspace) -> None:
    response = shop.get(f"/todo/entries/{an_entry(workspace).pk}/diff")
    assert response.status == 404 and "no commit yet" in response.text
    assert tuple(shop.get("/todo/entries/entry_x/diff")) == not_found("Entry")
