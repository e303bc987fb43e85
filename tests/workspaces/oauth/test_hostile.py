"""Requests that somebody else wrote, changed, stole or sent twice."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from tests.cases import all_cases
from tests.workspaces.oauth.program import BACK, ID, ORIGIN, WEB, code, decide, led_to, member, post, redeem, request
from tests.workspaces.oauth.test_logins import PAGE, at_mcp
from workspaces.models import ApiToken, Workspace
from workspaces.oauth.models import Grant
from workspaces.people import tokens

pytestmark = pytest.mark.django_db
NOT_NAMED = [
    "https://evil.example/",
    "https://client.example/back",
    "https://client.example/back?from=muster&more=1",
    "https://client.example@evil.example/back?from=muster",
    "https://client.example.evil.example/back?from=muster",
    "HTTPS://client.example/back?from=muster",
    "http://client.example/back?from=muster",
    "http://127.0.0.1:1/other",
    "http://127.0.0.1:1/callback?x=1",
    "http://127.0.0.1:1/callback/",
    "http://127.0.0.1:1/callback#x",
    "http://127.0.0.1:1@evil.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://localhost:1/callback",
    "http://[::1]:1/callback",
    "http://127.0.0.1:1\\@evil.example/callback",
    "http://127.0.0.1:123456/callback",
    "https://127.0.0.1/callback",
    "http://127.0.0.1:1/callback\n",
    " http://127.0.0.1/callback",
    "javascript:alert(1)//127.0.0.1/callback",
    "//127.0.0.1/callback",
    "",
]


def test_no_address_that_the_program_does_not_name_gets_a_code(bea: Client) -> None:
    with all_cases() as case:
        for address in NOT_NAMED:
            with case(address):
                for response in (bea.get(PAGE, request(redirect_uri=address)), decide(bea, redirect_uri=address)):
                    assert response.status_code == 400 and "Location" not in response
                    assert b"evil.example" not in response.content and b"http-equiv" not in response.content
    assert not Grant.objects.exists()


def test_the_port_of_loopback_may_be_another(bea: Client, documents: dict[str, Any]) -> None:
    documents[ID]["redirect_uris"] = ["http://localhost", "http://127.0.0.1:33418/", "http://[::1]/back?x=1", "editor://callback"]
    taken = ["http://localhost:1/", "http://localhost", "http://127.0.0.1:65535", "http://[::1]:7/back?x=1"]
    assert [led_to(decide(bea, redirect_uri=address))[0] for address in taken[:3]] == taken[:3]
    assert decide(bea, redirect_uri=taken[3]).status_code == 200
    assert decide(bea, redirect_uri="editor://callback").status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"response_type": "token"},
        {"response_type": None},
        {"code_challenge": None},
        {"code_challenge": "short"},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"resource": "https://evil.example/mcp"},
        {"resource": f"{ORIGIN}/mcp/"},
        {"state": "x" * 1001},
        {"state": "a\r\nb"},
        {"client_id": None},
        {"redirect_uri": None},
    ],
    ids=str,
)
def test_a_bad_request_stays_on_the_page(bea: Client, change: dict[str, Any]) -> None:
    for response in (bea.get(PAGE, request(**change)), decide(bea, **change)):
        assert response.status_code == 400 and "Location" not in response and b'role="alert"' in response.content
    assert not Grant.objects.exists()


def test_what_is_given_twice_is_refused(bea: Client) -> None:
    for name in ("redirect_uri", "client_id", "state", "resource"):
        form = {**request(), name: [request()[name], "https://evil.example/"], "decision": "approve"}
        assert bea.post(PAGE, form).status_code == 400
    twice = f"grant_type=authorization_code&code={code(bea)}&code=x&client_id=x&redirect_uri=x&code_verifier=x"
    assert Client().post("/oauth/token", twice, content_type="application/x-www-form-urlencoded").status_code == 400


def test_a_link_approves_nothing_and_neither_does_another_site(bea: Client) -> None:
    assert bea.get(PAGE, {**request(), "decision": "approve"}).status_code == 200
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = bea.cookies
    assert decide(strict).status_code == 403
    assert decide(bea, "maybe").status_code == 400 and decide(Client()).status_code == 302
    assert not Grant.objects.exists()


def test_texts_of_a_program_are_no_markup(bea: Client, documents: dict[str, Any]) -> None:
    documents[ID]["client_name"] = '<script>alert(1)</script>\u202e"Muster'
    page = bea.get(PAGE, request(state='"><script>alert(2)</script>')).content.decode()
    assert "<script>alert" not in page and "\u202e" not in page
    documents[ID]["redirect_uris"] = ['https://client.example/?"><script>alert(3)</script>']
    given = decide(bea, redirect_uri=documents[ID]["redirect_uris"][0]).content.decode()
    assert "<script>alert" not in given


@pytest.mark.parametrize(
    "change",
    [
        {"code": "unknown"},
        {"code": "a\x00b"},
        {"client_id": "https://evil.example/app.json"},
        {"redirect_uri": WEB},
        {"redirect_uri": "http://127.0.0.1/callback"},
        {"code_verifier": "x" * 43},
        {"code_verifier": "\u00e9"},
        {"resource": "https://evil.example/mcp"},
    ],
    ids=str,
)
def test_who_has_only_a_part_of_it_gets_no_token(bea: Client, change: dict[str, str]) -> None:
    response = redeem(change["code"]) if "code" in change else redeem(code(bea), **change)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("name", ["grant_type", "code", "client_id", "redirect_uri", "code_verifier"])
def test_what_lacks_is_named(bea: Client, name: str) -> None:
    response = redeem(code(bea), **{name: None})
    assert response.status_code == 400 and name in response.json()["error_description"]
    assert redeem("x", grant_type="password").json()["error"] == "unsupported_grant_type"


def test_a_code_expires(bea: Client) -> None:
    given = code(bea)
    Grant.objects.update(expires_at=now() - timedelta(seconds=1))
    assert redeem(given).json() == {"error": "invalid_grant", "error_description": "The code has expired"}


def test_a_code_that_comes_again_ends_what_it_gave(bea: Client) -> None:
    given = code(bea)
    secret = redeem(given).json()["access_token"]
    assert at_mcp(secret)
    for _ in range(2):
        assert redeem(given, code_verifier="stolen" * 8).json()["error"] == "invalid_grant"
    assert at_mcp(secret) is None


def test_a_process_that_dies_with_a_code_in_its_hand_loses_nothing(bea: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    given, log_in = code(bea), tokens.log_in

    def die(*args: Any, **more: Any) -> Any:
        log_in(*args, **more)
        raise SystemExit

    with monkeypatch.context() as dying, pytest.raises(SystemExit):
        dying.setattr(tokens, "log_in", die)
        redeem(given)
    assert not ApiToken.objects.exists()
    assert redeem(given).status_code == 200


def test_a_code_of_another_person_gives_their_token_and_not_more(bea: Client, shop: Workspace) -> None:
    """The program checks by `state` whose answer it is; here it is bound to the program's own secret."""
    theirs = code(member("carl", shop), code_challenge="A" * 43)
    assert redeem(theirs).json()["error"] == "invalid_grant"


def test_the_answer_names_its_sender(bea: Client) -> None:
    assert led_to(decide(bea))[1]["iss"] == led_to(decide(bea, "refuse"))[1]["iss"] == ORIGIN


def test_a_cookie_and_a_token_open_no_endpoint_of_programs(bea: Client) -> None:
    given = code(bea)
    assert bea.post("/oauth/token", {"code": given}).json()["error"] == "invalid_request"
    assert post("/oauth/register", {}).status_code == 404
    assert redeem(given, redirect_uri=BACK).status_code == 200
