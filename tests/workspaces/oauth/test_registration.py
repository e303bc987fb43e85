"""Programs without a document register themselves, where the server allows it."""

import json
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from tests.workspaces.oauth.program import code, redeem
from workspaces.models import FailedLogin
from workspaces.oauth import clients
from workspaces.oauth.models import Grant, RegisteredClient

pytestmark = pytest.mark.django_db
BACK = "http://localhost:1234/callback"


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    settings.MCP_CLIENTS = ["documents", "registration"]


def register(body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post("/oauth/register", content, content_type="application/json")


def test_a_registered_program_gets_a_token_as_others_do(bea: Client) -> None:
    assert Client().get("/.well-known/oauth-authorization-server").json()["registration_endpoint"].endswith("/oauth/register")
    response = register({"client_name": "Old <b>Editor", "redirect_uris": [BACK]})
    assert response.status_code == 201 and "client_secret" not in response.json()
    mine = {"client_id": response.json()["client_id"], "redirect_uri": BACK}
    assert redeem(code(bea, **mine), **mine).status_code == 200


def test_where_it_is_no_longer_allowed_its_programs_get_nothing(bea: Client, settings: Any) -> None:
    client = register({"redirect_uris": [BACK]}).json()["client_id"]
    settings.MCP_CLIENTS = ["documents"]
    asked = {"client_id": client, "redirect_uri": BACK}
    assert register({"redirect_uris": [BACK]}).status_code == 404
    assert bea.get("/oauth/authorize", asked).status_code == 400


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "invalid_client_metadata"),
        (b"[" * 100_000, "invalid_client_metadata"),
        (b"\xff", "invalid_client_metadata"),
        ([], "invalid_redirect_uri"),
        ({}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://evil.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://client.example/"}, "invalid_redirect_uri"),
        ({"redirect_uris": ["editor://callback", "javascript:alert(1)", 7]}, "invalid_redirect_uri"),
        ({"redirect_uris": [BACK] * 21}, "invalid_redirect_uri"),
    ],
    ids=str,
)
def test_what_cannot_be_registered(body: Any, error: str) -> None:
    response = register(body)
    assert (response.status_code, response.json()["error"]) == (400, error)


def test_registrations_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "MAX_REGISTRATIONS_PER_ADDRESS", 3)
    assert [register({"redirect_uris": [BACK]}).status_code for _ in range(4)] == [201] * 3 + [429]
    FailedLogin.objects.all().delete()
    monkeypatch.setattr(clients, "MAX_REGISTERED", 3)
    assert register({"redirect_uris": [BACK]}).status_code == 429


def test_a_program_gets_what_the_server_has_in_place_of_what_it_asks_for() -> None:
    asked = {"redirect_uris": [BACK, "editor://callback"], "token_endpoint_auth_method": "client_secret_basic"}
    given = register(asked).json()
    assert (given["redirect_uris"], given["token_endpoint_auth_method"]) == ([BACK], "none")


def test_a_program_that_no_person_approved_goes_after_a_day(bea: Client) -> None:
    used, unused = (register({"redirect_uris": [BACK]}).json()["client_id"] for _ in range(2))
    code(bea, client_id=used, redirect_uri=BACK)
    Grant.objects.all().delete()
    RegisteredClient.objects.update(created_at=F("created_at") - clients.UNUSED)
    new = register({"redirect_uris": [BACK]}).json()["client_id"]
    assert set(RegisteredClient.objects.values_list("pk", flat=True)) == {used, new} and unused != new
    RegisteredClient.objects.update(approved_at=F("approved_at") - clients.INACTIVE)
    register({"redirect_uris": [BACK]})
    assert not RegisteredClient.objects.filter(pk=used).exists()
