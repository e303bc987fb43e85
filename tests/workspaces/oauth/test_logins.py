"""A program that knows the address of /mcp alone gets a token, once a person has approved it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from tests.workspaces.oauth.program import BACK, ORIGIN, WEB, code, decide, led_to, redeem, request, revoke, token
from workspaces.models import ApiToken, Event, Membership, Workspace
from workspaces.oauth.models import Grant
from workspaces.people import tokens

pytestmark = pytest.mark.django_db
PAGE = "/oauth/authorize"


def at_mcp(secret: str) -> ApiToken | None:
    with tokens.at_mcp():
        return tokens.find(secret)


def test_two_documents_name_every_address(settings: Any) -> None:
    resource = Client().get("/.well-known/oauth-protected-resource/mcp").json()
    assert (resource["resource"], resource["authorization_servers"]) == (f"{ORIGIN}/mcp", [ORIGIN])
    server = Client().get("/.well-known/oauth-authorization-server").json()
    assert server["issuer"] == ORIGIN and server["code_challenge_methods_supported"] == ["S256"]
    assert server["client_id_metadata_document_supported"] and "registration_endpoint" not in server
    ends = [name for name in server if name.endswith("_endpoint")]
    assert {server[name] for name in ends} == {f"{ORIGIN}/oauth/{name}" for name in ("authorize", "token", "revoke")}


def test_behind_a_proxy_that_ends_tls_they_have_its_scheme(settings: Any) -> None:
    settings.BASE_URL = "https://testserver"
    assert Client().get("/.well-known/oauth-authorization-server").json()["issuer"] == "https://testserver"


def test_who_is_not_logged_in_logs_in_first(documents: dict[str, Any]) -> None:
    documents.clear()
    response = Client().get(PAGE, request())
    assert response.status_code == 302 and response["Location"].startswith("/login/?next=/oauth/authorize%3F")


def test_the_page_shows_who_asks_and_where_the_token_goes(bea: Client) -> None:
    page = bea.get(PAGE, request(redirect_uri=WEB)).content.decode()
    for text in ("Any Editor", "<code>client.example</code>", "as bea", "30 days", "in all your workspaces"):
        assert text in page
    assert "on your own computer" in bea.get(PAGE, request()).content.decode()
    User.objects.filter(username="bea").update(is_superuser=True)
    response = bea.get(PAGE, request())
    assert b"as an admin of this whole server" in response.content and response["X-Frame-Options"] == "DENY"


def test_an_approved_program_gets_a_token_of_the_person(bea: Client) -> None:
    place, answer = led_to(decide(bea))
    assert place == BACK and (answer["state"], answer["iss"]) == ("s t&te", ORIGIN)
    assert answer["code"] not in str(Grant.objects.values())
    response = redeem(answer["code"], resource=f"{ORIGIN}/mcp")
    assert response.status_code == 200 and response["Cache-Control"] == "no-store" and not response.cookies
    given = response.json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 30 * 86400)
    row = at_mcp(given["access_token"])
    assert row and row.stands_for_owner and row.name == "bea, Any Editor"
    assert b"bea, Any Editor" in bea.get("/account/tokens/").content
    assert Event.objects.get(verb="token.created").actor == "bea"


def test_the_answer_keeps_what_the_address_carries_already(bea: Client) -> None:
    place, answer = led_to(decide(bea, redirect_uri=WEB, state=None))
    assert place == "https://client.example/back" and answer["from"] == "muster" and "state" not in answer


def test_a_refused_program_learns_it_and_gets_nothing(bea: Client) -> None:
    place, answer = led_to(decide(bea, "refuse"))
    assert place == BACK and answer == {"error": "access_denied", "state": "s t&te", "iss": ORIGIN}
    assert not Grant.objects.exists()


def test_the_token_counts_at_mcp_alone(bea: Client) -> None:
    secret = token(bea)
    assert at_mcp(secret) and tokens.find(secret) is None
    response = Client().get("/api/v1/workspaces", headers={"authorization": f"Bearer {secret}"})
    assert response.status_code == 401 and b"counts at /mcp alone" in response.content
    assert at_mcp(secret.replace("muster_mcp_", "muster_")) is None


def test_the_program_ends_its_token_and_its_owner_too(bea: Client) -> None:
    first, second, other = token(bea), token(bea), tokens.create("another")
    assert [revoke(secret) for secret in (first, first, "unknown", other)] == [200] * 4
    assert at_mcp(first) is None and at_mcp(second) and tokens.find(other)
    bea.post(f"/account/tokens/{ApiToken.objects.get(name='bea, Any Editor', revoked_at=None).pk}/revoke/", {"confirm": "revoke"})
    assert at_mcp(second) is None


def test_a_person_who_may_no_longer_log_in_has_no_token(bea: Client, shop: Workspace) -> None:
    given = code(bea)
    Membership.objects.filter(workspace=shop).delete()
    assert redeem(given).json()["error"] == "invalid_grant"
    assert decide(bea).status_code == 400 and not ApiToken.objects.exists()


def test_old_grants_go_and_those_with_a_living_token_stay(bea: Client) -> None:
    token(bea)
    kept = Grant.objects.get().pk
    code(bea)
    Grant.objects.update(expires_at=now() - timedelta(days=2))
    code(bea)
    assert Grant.objects.filter(pk=kept).exists() and Grant.objects.count() == 2
    ApiToken.objects.update(revoked_at=now())
    code(bea)
    assert not Grant.objects.filter(pk=kept).exists()
