"""`muster whoami`, and the person whom a login names."""

import httpx2
import pytest
from django.contrib.auth.models import User

from tests.cli.terminal import URL, InProcess, Terminal
from tests.factories import a_token
from workspaces.models import ApiToken, Membership, Role, Workspace
from workspaces.people import tokens


@pytest.fixture
def login(workspace: Workspace) -> str:
    """The secret of a login of bea, an operator."""
    user = User.objects.create_user("bea", email="bea@example.com")
    Membership.objects.create(user=user, workspace=workspace, role=Role.OPERATOR)
    return tokens.log_in(user, "muster")[1]


class Older(InProcess):
    """A server that does not know the call."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/api/v1/me":
            return httpx2.Response(404, json={"name": "NotFoundError", "data": {"message": "Not found"}}, request=request)
        return super().handle_request(request)


class Broken(InProcess):
    """A server that fails at the call."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/api/v1/me":
            return httpx2.Response(500, content=b"<html>", request=request)
        return super().handle_request(request)


def test_the_person_is_named_with_their_roles(muster: Terminal, workspace: Workspace, login: str) -> None:
    muster.set("MUSTER_TOKEN", login)
    first, role, token = muster("whoami").out.splitlines()
    assert (first, role) == (f"bea (bea@example.com) at {URL}", f"operator in Shop ({workspace.pk})")
    end = ApiToken.objects.get(owner__username="bea").expires_at
    assert token == f"Token: a login, which may do what you may, ends {end:%Y-%m-%d %H:%M} UTC"
    assert muster.json("whoami")["name"] == muster("whoami", "--json", "name").json["name"] == "bea"


def test_a_token_without_an_owner_has_its_own_name(muster: Terminal) -> None:
    muster.set("MUSTER_TOKEN", tokens.create("ci", role=Role.VIEWER))
    assert muster("whoami").out.splitlines() == [
        f"the token ci at {URL}",
        "viewer in every workspace",
        "Token: a token without an owner, without an end",
    ]


def test_a_login_names_the_person(stranger: Terminal, login: str) -> None:
    outcome = stranger("login", URL, "--with-token", stdin=login)
    assert outcome.out.splitlines()[0] == f"Logged in to {URL} as bea: Shop."
    outcome = stranger("login", URL, "--with-token", stdin=tokens.create("ci"))
    assert outcome.out.splitlines()[0] == f"Logged in to {URL} as the token ci: Shop."


@pytest.mark.parametrize("server", [Older, Broken])
def test_a_server_that_does_not_name_its_caller_is_logged_in_to(
    stranger: Terminal, workspace: Workspace, server: type[InProcess]
) -> None:
    stranger.transport = server()
    outcome = stranger("login", URL, "--with-token", stdin=a_token())
    assert (outcome.code, outcome.out.splitlines()[0]) == (0, f"Logged in to {URL}: Shop.")


def test_on_an_older_server_what_is_known_is_named(muster: Terminal, workspace: Workspace) -> None:
    muster.transport = Older()
    outcome = muster("whoami")
    assert outcome.out.splitlines() == [f"Profile default at {URL}", f"May see Shop ({workspace.pk})"]
    assert outcome.err == f"{URL} is older than this command: it does not name its caller.\n"
    assert muster.json("whoami")["profile"] == "default"


def test_without_a_login_it_needs_one(stranger: Terminal) -> None:
    assert stranger("whoami").code == 4
