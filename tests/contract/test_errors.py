"""Unauthorised, missing and forbidden: exact shapes, always JSON, no details revealed."""

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.test import Client

from orchestration.edge import queries
from tests.contract.api import Api, not_found
from tests.factories import a_session, a_token, a_workspace, an_entry
from workspaces.models import ApiToken, Membership, Workspace

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer muster_" + "x" * 5000},
        {"Authorization": "Basic YW5hOnNlY3JldA=="},
        {"Cookie": "sessionid=forged"},
        {"X-Api-Key": "x"},
    ],
)
@pytest.mark.parametrize("call", ["GET /executor/status", "POST /executor/start", "PATCH /budget"])
def test_no_or_bad_credentials_are_401(workspace: Workspace, credentials: dict[str, str], call: str) -> None:
    method, path = call.split()
    response = Api(workspace).call(method, path, **credentials)
    assert response.status == 401, response
    assert response.json["name"] == "UnauthorizedError" and response.json.keys() == {"name", "data"}
    assert response.json["data"].keys() == {"message"} and response.json["data"]["message"]
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_bad_token_is_refused_even_with_a_good_cookie(workspace: Workspace, client: Client) -> None:
    client.force_login(get_user_model().objects.create_superuser("ana"))
    assert Api(workspace, client=client).get("/executor/status").status == 200
    assert Api(workspace, "nonsense", client=client).get("/executor/status").status == 401


def test_a_role_that_is_too_small_is_403(workspace: Workspace) -> None:
    viewer = Api(workspace, a_token(workspace, "viewer"))
    message = "The role viewer may not run the executor and change the backlog"
    assert tuple(viewer.post("/executor/start")) == (403, {"name": "ForbiddenError", "data": {"message": message}})


def test_a_browser_needs_its_csrf_token_to_write(workspace: Workspace) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("ana"))
    ana = Api(workspace, client=client)
    assert ana.get("/executor/status").status == 200
    response = ana.post("/executor/start")
    assert (response.status, response.json["name"]) == (403, "ForbiddenError")
    client.cookies["csrftoken"] = "a" * 32
    assert ana.post("/executor/start", X_CSRFToken="a" * 32).status == 200


def test_a_member_sees_the_workspace_and_a_stranger_gets_404(workspace: Workspace, client: Client) -> None:
    bob = get_user_model().objects.create_user("bob")
    client.force_login(bob)
    api = Api(workspace, client=client)
    assert tuple(api.get("/executor/status")) == not_found("Workspace")
    Membership.objects.create(user=bob, workspace=workspace, role="viewer")
    assert api.get("/executor/status").status == 200
    assert api.post("/executor/start").status == 403


@pytest.mark.parametrize("id_", ["ws_8f3a2b1c9d4e5f6a", "nonsense", "%00", "x" * 5000, "..", "%F0%9F%98%80"])
def test_an_unknown_workspace_is_404(workspace: Workspace, id_: str) -> None:
    assert tuple(Api(id_, a_token()).get("/executor/status")) == not_found("Workspace")


def test_a_deleted_workspace_is_404(workspace: Workspace, shop: Api) -> None:
    assert shop.delete(f"/api/v1/workspaces/{workspace.pk}").status == 200
    assert tuple(shop.get("/executor/status")) == not_found("Workspace")
    assert tuple(shop.delete(f"/api/v1/workspaces/{workspace.pk}")) == not_found("Workspace")


def test_an_entry_and_session_of_another_workspace_are_404_even_with_access_to_both(workspace: Workspace, shop: Api) -> None:
    theirs = a_session(an_entry(a_workspace(name="Other")))
    assert tuple(shop.post(f"/budget/entries/{theirs.entry_id}/lock")) == not_found("Entry")
    assert tuple(shop.post(f"/executor/workers/{theirs.pk}/stop")) == not_found("Worker session")
    theirs.refresh_from_db()
    assert theirs.stop_wanted_at is None


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_a_path_does_not_have_is_405_as_json_with_allow(shop: Api, method: str) -> None:
    response = shop.call(method, "/budget")
    message = f"{method} is not allowed here: GET, PATCH"
    assert tuple(response) == (405, {"name": "MethodNotAllowedError", "data": {"message": message}})
    assert response.headers["Allow"] == "GET, PATCH"


@pytest.mark.parametrize("path", ["/api/", "/api/v1/nothing", "/api/v2/workspaces", "/api/v1/workspaces/", "/api/v1/%00"])
def test_an_address_that_is_not_there_is_404_as_json(shop: Api, path: str) -> None:
    assert tuple(shop.get(path)) == (404, {"name": "NotFoundError", "data": {"message": "Not found"}})


def test_a_foreign_host_name_is_400_and_carries_a_request_id(shop: Api) -> None:
    assert shop.get("/executor/status", Host="evil.example").status == 400


def test_request_ids_differ(shop: Api) -> None:
    assert len({shop.get("/budget").headers["X-Request-Id"] for _ in range(3)}) == 3


def test_an_unreachable_database_is_503_with_retry_after(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(queries, "executor_for", unreachable)
    response = shop.get("/executor/status")
    assert (response.status, response.json["name"], response.headers["Retry-After"]) == (503, "UnavailableError", "2")


def test_a_bug_is_500_as_json_without_its_details(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(queries, "executor_for", broken)
    response = Api(workspace, a_token(), client=Client(raise_request_exception=False)).get("/executor/status")
    assert (response.status, response.json["name"]) == (500, "InternalServerError")
    assert "secret" not in response.text


def test_a_token_is_kept_as_its_digest_only() -> None:
    secret = a_token()
    kept = ApiToken.objects.values().get()
    assert secret not in str(kept) and len(kept["digest"]) == 64


@pytest.mark.parametrize(
    ("error", "seconds", "words"),
    [("database or disk is full", "30", "The disk is full"), ("could not connect", "2", "is not available")],
)
def test_pages_without_a_database_show_an_error_that_reloads(
    workspace: Workspace, client: Client, monkeypatch: pytest.MonkeyPatch, error: str, seconds: str, words: str
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OperationalError(error)

    client.raise_request_exception = False
    client.force_login(get_user_model().objects.create_user("ana", is_superuser=True))
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", unreachable)
    response = client.get(f"/w/{workspace.pk}/")
    assert (response.status_code, response["Retry-After"]) == (503, seconds)
    assert words in response.content.decode() and 'http-equiv="refresh"' in response.content.decode()
    sent = client.post(f"/w/{workspace.pk}/settings/executor/pause/", headers={"HX-Request": "true"})
    assert sent.status_code == 503 and words in sent.content.decode() and "<" not in sent.content.decode()
