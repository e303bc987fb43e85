"""The address at which a forge posts."""

import json
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from orchestration.configuration import secrets
from orchestration.forges import github
from orchestration.forges.shared import webhooks
from orchestration.models import Entry, ForgeDelivery, PullRequest
from orchestration.pull_requests import sync
from tests.factories import ANA, a_token, a_workspace, an_entry
from tests.orchestration.forges.recorded import HEAD
from tests.orchestration.forges.test_webhooks import SECRET, signed
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

FORGE = {"kind": "github", "repository": "team/shop"}
PAYLOAD = json.dumps({"action": "closed", "pull_request": {"number": 2}}).encode()


@pytest.fixture
def workspace() -> Workspace:
    workspace = a_workspace(land_by="pull_request", forge=FORGE)
    secrets.put(workspace.pk, "FORGE_WEBHOOK_SECRET", SECRET, by=ANA)
    return workspace


def a_row(workspace: Workspace, **more: Any) -> PullRequest:
    entry = an_entry(workspace)
    fields = {
        "number": 2,
        "forge_id": "279",
        "state": "open",
        "due": False,
        "head": HEAD,
        "pushed": HEAD,
        "branch": "b",
        "base": "main",
    }
    return PullRequest.objects.create(workspace=workspace, entry=entry, **fields | more)


def post(workspace_id: str, body: bytes = PAYLOAD, headers: dict[str, str] | None = None) -> Any:
    headers = signed("github", body) if headers is None else headers
    address = f"/api/v1/workspaces/{workspace_id}/orchestration/forge/webhook"
    return Client().post(address, body, content_type="application/json", headers=headers)


def test_a_signed_one_makes_its_pull_request_due(workspace: Workspace) -> None:
    row, other = a_row(workspace), a_row(workspace, number=3, forge_id="280", head="1" * 40)
    assert (post(workspace.pk).status_code, post(workspace.pk).json()) == (200, {"ok": True})
    row.refresh_from_db()
    other.refresh_from_db()
    assert row.due and not other.due


def test_a_repeated_one_does_nothing(workspace: Workspace) -> None:
    row = a_row(workspace)
    post(workspace.pk)
    PullRequest.objects.update(due=False)
    assert post(workspace.pk, headers=signed("github", PAYLOAD) | {"x-github-delivery": "another"}).status_code == 200
    row.refresh_from_db()
    assert not row.due and ForgeDelivery.objects.count() == 1


def test_it_believes_nothing_but_what_it_is_about(workspace: Workspace) -> None:
    row = a_row(workspace)
    body = json.dumps({"pull_request": {"number": 2, "merged": True, "merge_commit_sha": "f" * 40}}).encode()
    post(workspace.pk, body)
    row.refresh_from_db()
    assert (row.state, row.merge_commit) == ("open", "") and Entry.objects.get().status == "pending"


def test_checks_find_theirs_by_the_commit(workspace: Workspace) -> None:
    row = a_row(workspace)
    post(workspace.pk, json.dumps({"check_run": {"head_sha": HEAD}}).encode())
    row.refresh_from_db()
    assert row.due


def test_no_answer_shows_which_workspaces_there_are(workspace: Workspace) -> None:
    without = a_workspace(name="Other")
    wrong = [
        post(workspace.pk, headers={}),
        post(workspace.pk, headers=signed("github", PAYLOAD, "guess")),
        post(workspace.pk, headers=signed("github", PAYLOAD, "")),
        post(without.pk),
        post(without.pk, headers=signed("github", PAYLOAD, "")),
        post("ws_" + "0" * 20),
        post("nonsense"),
    ]
    assert {response.status_code for response in wrong} == {401} and len({response.content for response in wrong}) == 1
    assert not ForgeDelivery.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"payload=%7B%7D", b"\xff", b"[" * 50_000])
def test_what_is_no_object_is_a_bad_request(workspace: Workspace, body: bytes) -> None:
    response = post(workspace.pk, body)
    assert response.status_code == 400 and response.json()["success"] is False


def test_a_huge_body_is_refused(workspace: Workspace) -> None:
    assert 400 <= post(workspace.pk, b" " * 1_200_000).status_code < 500


def test_another_method_is_refused(workspace: Workspace) -> None:
    assert Client().get(f"/api/v1/workspaces/{workspace.pk}/orchestration/forge/webhook").status_code in (404, 405)


def test_the_database_counts_a_delivery_once(workspace: Workspace) -> None:
    delivery = webhooks.read(github.WEBHOOK, signed("github", PAYLOAD), PAYLOAD, SECRET)
    assert [sync.received(workspace.pk, delivery), sync.received(workspace.pk, delivery)] == [True, False]
    with pytest.raises(IntegrityError):
        ForgeDelivery.objects.create(workspace=workspace, key=delivery.key)


def test_pull_requests_are_listed_with_their_checks(workspace: Workspace) -> None:
    checks = [{"kind": "ci", "name": "tests", "outcome": "failed", "url": ""}]
    row = a_row(workspace, checks=checks, message="Waiting")
    address = f"/api/v1/workspaces/{workspace.pk}/orchestration/pull-requests"
    [shown] = Client().get(address, headers={"Authorization": f"Bearer {a_token()}"}).json()["pull_requests"]
    assert (shown["entry_id"], shown["number"], shown["checks"], shown["message"]) == (row.entry_id, 2, checks, "Waiting")
