"""A deleted workspace is gone for everyone in it, on every page and in every form."""

import pytest
from django.db.models.functions import Now
from django.test import Client

from tests.dashboard.conftest import client_of
from tests.dashboard.seeds import addresses
from workspaces.models import Workspace

STREAMS = ("stream", "api-stream")  # served by the async handler; their tests are in tests/dashboard/live
ELSEWHERE = (*STREAMS, addresses.MOVED)


@pytest.fixture(params=["viewer", "operator", "budget", "admin"])
def member(request: pytest.FixtureRequest, workspace: Workspace) -> Client:
    return client_of("mira", request.param, workspace)


def paths(workspace: Workspace) -> list[str]:
    """Every address inside of a workspace."""
    inside = [address for address in addresses.every() if "workspace_id" in address.parts and address.name not in ELSEWHERE]
    return [address.path(addresses.values(workspace, verb)) for address in inside for verb in address.verbs or ("",)]


def test_no_page_and_no_form_of_a_deleted_workspace_answers_a_member(workspace: Workspace, member: Client) -> None:
    every = paths(workspace)
    assert len(every) > 60
    assert {member.get(f"/w/{workspace.pk}/").status_code, member.get(f"/w/{workspace.pk}/money/").status_code} == {200}
    Workspace.objects.filter(pk=workspace.pk).update(deleted_at=Now())
    statuses = {(method, path): getattr(member, method)(path).status_code for path in every for method in ("get", "post")}
    assert {call: status for call, status in statuses.items() if status not in (404, 405)} == {}
    assert {path for path in every if statuses["get", path] == statuses["post", path] == 405} == set()
    assert workspace.name not in member.get("/").content.decode()
