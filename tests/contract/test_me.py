"""`GET /api/v1/me`: a caller learns who they are, and an agent nothing beyond its session."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.contract.api import Api
from tests.factories import a_session, a_token, a_workspace, an_entry
from workspaces.access import of_user
from workspaces.models import Membership, Role, Workspace
from workspaces.people import tokens

ME = "/api/v1/me"


@pytest.fixture
def bea(workspace: Workspace) -> User:
    """An operator of the workspace, beside another one that she does not see."""
    user = User.objects.create_user("bea", email="bea@example.com")
    Membership.objects.create(user=user, workspace=workspace, role=Role.OPERATOR)
    a_workspace(name="Other")
    return user


def test_a_login_has_the_person_and_their_roles(workspace: Workspace, bea: User) -> None:
    token, secret = tokens.log_in(bea, "muster on laptop")
    answer = Api(workspace, secret).get(ME).json
    assert token.expires_at and abs(datetime.fromisoformat(answer["token"].pop("expires_at")) - token.expires_at) < timedelta(
        seconds=1
    )
    assert answer == {
        "name": "bea",
        "email": "bea@example.com",
        "role": None,
        "workspaces": [{"id": workspace.pk, "name": "Shop", "role": "operator"}],
        "next_cursor": None,
        "token": {"kind": "login", "name": "bea, muster on laptop", "session_id": None},
    }


def test_many_workspaces_come_in_pages(workspace: Workspace, bea: User) -> None:
    _, secret = tokens.log_in(bea, "muster")
    Membership.objects.create(user=bea, workspace=a_workspace(name="Second"), role=Role.VIEWER)
    first = Api(workspace, secret).get(f"{ME}?limit=1").json
    second = Api(workspace, secret).get(f"{ME}?limit=1&cursor={first['next_cursor']}").json
    assert [row["name"] for row in (*first["workspaces"], *second["workspaces"])] == ["Second", "Shop"]
    assert second["next_cursor"] is None


def test_a_browser_has_no_token(workspace: Workspace, bea: User) -> None:
    client = Client()
    client.force_login(bea)
    answer = Api(workspace, client=client).get(ME).json
    assert (answer["name"], answer["email"], answer["token"]) == ("bea", "bea@example.com", None)


def test_a_personal_token_has_its_own_role_and_no_address(workspace: Workspace, bea: User) -> None:
    _, secret = tokens.make_own("ci", role=Role.VIEWER, workspace=workspace, expires_at=None, by=of_user(bea))
    answer = Api(workspace, secret).get(ME).json
    assert (answer["name"], answer["email"], answer["role"]) == ("bea", None, None)
    assert [row["role"] for row in answer["workspaces"]] == ["viewer"]
    assert answer["token"] == {"kind": "personal", "name": "ci", "session_id": None, "expires_at": None}


def test_a_token_without_an_owner_has_no_name(workspace: Workspace) -> None:
    everywhere = Api(workspace, a_token(role="viewer")).get(ME).json
    assert (everywhere["name"], everywhere["role"], everywhere["workspaces"]) == (None, "viewer", [])
    here = Api(workspace, a_token(workspace, "operator")).get(ME).json
    assert (here["role"], [row["role"] for row in here["workspaces"]]) == (None, ["operator"])
    assert here["token"]["kind"] == "service"


def test_a_superuser_is_an_admin_everywhere(workspace: Workspace) -> None:
    _, secret = tokens.log_in(User.objects.create_superuser("root"), "muster")
    answer = Api(workspace, secret).get(ME).json
    assert (answer["name"], answer["email"], answer["role"], answer["workspaces"]) == ("root", None, "admin", [])


def test_an_agent_learns_of_its_session_alone(workspace: Workspace, bea: User) -> None:
    session = a_session(an_entry(workspace))
    end = datetime(2099, 1, 1, tzinfo=UTC)
    secret = tokens.create("agent", workspace=workspace, session_ref=session.pk, expires_at=end, by="bea")
    token = {"kind": "session", "name": "agent", "session_id": session.pk, "expires_at": "2099-01-01T00:00:00Z"}
    assert tuple(Api(workspace, secret).get(ME)) == (
        200,
        {"name": None, "email": None, "role": None, "workspaces": [], "next_cursor": None, "token": token},
    )


def test_without_a_token_it_is_401(workspace: Workspace) -> None:
    assert Api(workspace).get(ME).status == Api(workspace, "muster_x").get(ME).status == 401
    assert Api(workspace, a_token()).get(f"{ME}?nonsense=1").status == 400
