"""Answers that somebody else sent, changed, or sent twice. Each is refused with a sentence, logs nobody in and links nothing."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from joserfc import jws, jwt
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from tests.sso import provider as providers
from tests.sso.conftest import Browser, a_browser, let_age
from tests.sso.provider import Provider
from workspaces.access import MUSTER
from workspaces.models import FailedLogin
from workspaces.people import logins
from workspaces.sso.models import ProviderLogin

pytestmark = pytest.mark.django_db
Claims = dict[str, Any]


def refused(response: Any, browser: Browser, sentence: str = "") -> bool:
    """True if nobody was logged in or linked, and the page says the sentence."""
    clean = not browser.user and not ProviderLogin.objects.exists() and not User.objects.filter(email="bea@example.com").exists()
    return bool(response.status_code == 403 and sentence.encode() in response.content and clean)


def unsigned(claims: Claims) -> str:
    registry = JWSRegistry(algorithms=["none"])
    return jws.serialize_compact({"alg": "none"}, json.dumps(claims), OctKey.import_key("x" * 32), registry=registry)


def by_public_key(provider: Provider) -> Callable[[Claims], str]:
    """The old trick: the public key, taken for a shared secret."""

    def forge(claims: Claims) -> str:
        parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256", "kid": "one"}, claims)]
        mark = hmac.digest(provider.key.as_pem(private=False), b".".join(parts), "sha256")
        return b".".join([*parts, urlsafe_b64encode(mark).rstrip(b"=")]).decode()

    return forge


def by_client_secret(claims: Claims) -> str:
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(providers.SECRET.ljust(32, "x")))


def by_key_of_its_own(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, providers.key())


def by_key_in_its_header(claims: Claims) -> str:
    other = providers.key("two")
    header = {"alg": "RS256", "kid": "two", "jwk": other.as_dict(private=False)}
    return jwt.encode(header, claims, other)


@pytest.mark.filterwarnings("ignore:JWS algorithm")
@pytest.mark.parametrize(
    "forge", [unsigned, by_client_secret, by_key_of_its_own, by_key_in_its_header, lambda _: "x.y.z", lambda _: ""]
)
def test_a_token_that_the_provider_did_not_sign(browser: Browser, provider: Provider, forge: Callable[[Claims], str]) -> None:
    provider.forge = forge
    assert refused(browser.log_in(), browser)


def test_a_token_signed_with_the_public_key_as_a_secret(browser: Browser, provider: Provider) -> None:
    provider.forge = by_public_key(provider)
    assert refused(browser.log_in(), browser)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example.com"},
        {"aud": "another-program"},
        {"aud": ["muster", "another-program"]},
        {"aud": ["muster", "another-program"], "azp": "another-program"},
        {"azp": "another-program"},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600},
        {"nonce": "of another login"},
        {"nonce": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_login(browser: Browser, provider: Provider, change: Claims) -> None:
    def forge(claims: Claims) -> str:
        changed = {name: value for name, value in {**claims, **change}.items() if value is not None}
        return provider.signed(changed)

    provider.forge = forge
    assert refused(browser.log_in(), browser)


@pytest.mark.parametrize("state", ["", "x", "another"])
def test_a_state_that_began_no_login_here(browser: Browser, provider: Provider, state: str) -> None:
    address = provider.authorize(browser.begin())
    code = parse_qs(urlsplit(address).query)["code"][0]
    query = {"code": code} | ({"state": state} if state else {})
    assert refused(browser.get("/login/provider/callback", query), browser, "belongs to no login")
    assert "/token" not in provider.requests


def test_an_answer_to_another_browser(browser: Browser, provider: Provider) -> None:
    other = a_browser(provider)
    other.begin()
    address = provider.authorize(browser.begin())
    assert refused(other.get(address), other, "belongs to no login")


def test_an_answer_sent_twice(browser: Browser, provider: Provider) -> None:
    address = provider.authorize(browser.begin())
    assert browser.get(address).status_code == 302
    browser.logout()
    assert browser.get(address).status_code == 403 and not browser.user


def test_a_code_that_was_used(browser: Browser, provider: Provider) -> None:
    used = parse_qs(urlsplit(provider.authorize(browser.begin())).query)["code"][0]
    provider.codes.clear()
    state = parse_qs(urlsplit(browser.begin()).query)["state"][0]
    assert refused(browser.get("/login/provider/callback", {"code": used, "state": state}), browser, "The provider refused")


def test_a_code_of_another_login_fails_by_its_verifier(browser: Browser, provider: Provider) -> None:
    theirs = parse_qs(urlsplit(provider.authorize(a_browser(provider).begin())).query)["code"][0]
    state = parse_qs(urlsplit(browser.begin()).query)["state"][0]
    assert refused(browser.get("/login/provider/callback", {"code": theirs, "state": state}), browser, "The provider refused")


def test_an_answer_that_comes_too_late(browser: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    address = provider.authorize(browser.begin())
    late = time.time() + 601
    monkeypatch.setattr("workspaces.people.pending.time.time", lambda: late)
    assert refused(browser.get(address), browser, "belongs to no login")


def test_an_answer_of_another_provider(browser: Browser, provider: Provider) -> None:
    address = provider.authorize(browser.begin())
    assert refused(browser.get(address + "&iss=https://evil.example.com"), browser, "another provider")


def test_an_answer_without_a_sender_where_one_is_promised(browser: Browser, provider: Provider) -> None:
    provider.document = {"authorization_response_iss_parameter_supported": True}
    assert refused(browser.log_in(), browser, "another provider")


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://other.example.com"},
        {"token_endpoint": "http://evil.example.com/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
    ],
    ids=str,
)
def test_a_description_that_leads_elsewhere(browser: Browser, provider: Provider, document: Claims) -> None:
    provider.document = document
    if "issuer" in document:
        assert browser.post("/login/provider").status_code == 403
    else:
        assert refused(browser.log_in(), browser)


@pytest.mark.parametrize("error", ["access_denied", "<script>alert(1)</script>"])
def test_an_error_is_shown_as_a_word_alone(browser: Browser, error: str) -> None:
    state = parse_qs(urlsplit(browser.begin()).query)["state"][0]
    response = browser.get("/login/provider/callback", {"error": error, "error_description": "<b>x", "state": state})
    assert refused(response, browser, "Acme refused") and b"<script>alert" not in response.content


@pytest.mark.parametrize(
    "address",
    ["https://evil.example.com/", "//evil.example.com", "/\\evil.example.com", "javascript:alert(1)", "http:evil", "\x00//evil"],
)
def test_an_address_elsewhere_is_not_where_a_login_leads(browser: Browser, address: str) -> None:
    assert browser.log_in(next=address)["Location"] == "/"


def test_parameters_of_a_login_are_not_its_callers(browser: Browser) -> None:
    response = browser.post("/login/provider?redirect_uri=https://evil.example.com&scope=all", {"redirect_uri": "https://evil"})
    assert "evil" not in response.context["address"]


def test_the_address_of_the_answer_is_not_by_the_host_header(browser: Browser) -> None:
    response = browser.post("/login/provider", headers={"host": "localhost"})
    back = parse_qs(urlsplit(response.context["address"]).query)["redirect_uri"]
    assert back == [site.BASE_URL.rstrip("/") + "/login/provider/callback"]


def test_a_login_begins_by_a_form_of_muster_alone(provider: Provider, db: None) -> None:
    strict = Browser(enforce_csrf_checks=True)
    assert strict.post("/login/provider").status_code == 403 and strict.get("/login/provider").status_code == 405
    assert provider.requests == []


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_is_not_verified_links_no_account(browser: Browser, provider: Provider, verified: Any) -> None:
    User.objects.create_superuser("owner", email="bea@example.com")
    provider.person["email_verified"] = verified
    browser.log_in()
    assert browser.user == "bea" and User.objects.get(username="bea").email == ""
    assert not ProviderLogin.objects.filter(user__username="owner").exists()


def test_a_name_that_is_taken_links_no_account(browser: Browser, provider: Provider) -> None:
    User.objects.create_superuser("owner")
    provider.person |= {"preferred_username": "OWNER", "email": "x@example.com"}
    browser.log_in()
    assert browser.user == "OWNER-2"


def test_an_address_of_two_accounts_links_neither(browser: Browser) -> None:
    for name in ("one", "two"):
        User.objects.create_user(name, email="bea@example.com")
    assert b"Several accounts" in browser.log_in().content and not ProviderLogin.objects.exists()


@pytest.mark.parametrize("address", ["m\u0131ke@x.example", "mike@\uff58.example", "mi\u212ae@x.example"])
def test_an_address_that_only_looks_like_an_accounts_links_none(browser: Browser, provider: Provider, address: str) -> None:
    User.objects.create_user("mike", email="mike@x.example")
    provider.person |= {"email": address, "preferred_username": "other"}
    browser.log_in()
    assert browser.user == "other" and User.objects.count() == 2


def test_an_address_of_the_token_is_not_verified_by_the_userinfo(browser: Browser, provider: Provider) -> None:
    User.objects.create_user("mike", email="mike@x.example")
    provider.person |= {"email": "mike@x.example"}
    provider.id_token_lacks = {"email_verified", "groups"}
    browser.log_in()
    assert browser.user == "bea" and User.objects.get(username="bea").email == ""


@pytest.mark.parametrize("subject", ["a\x00b", "\u202e", "", 5])
def test_a_subject_that_no_database_takes_is_refused(browser: Browser, provider: Provider, subject: Any) -> None:
    provider.person |= {"sub": subject}
    assert browser.log_in().status_code in (400, 403) and not User.objects.exists()


def test_a_second_subject_does_not_take_over_an_account(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    provider.person["sub"] = "u2"
    other = a_browser(provider)
    assert b"belongs to another login" in other.log_in().content and not other.user


def test_a_person_who_was_shut_out_stays_out(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    User.objects.create_superuser("owner")
    logins.change(User.objects.get(username="bea"), {"is_active": False}, by=MUSTER, reason="left")
    other = a_browser(provider)
    assert b"was taken away" in other.log_in().content and not other.user and not browser.get("/account/").content


@pytest.mark.parametrize("claim", [{"a": 1}, [1], [["x"]], [f"g{n}" for n in range(501)], 7, True])
def test_groups_that_are_no_list_of_a_sane_length(browser: Browser, provider: Provider, claim: Any) -> None:
    provider.person["groups"] = claim
    assert refused(browser.log_in(), browser, "The claim groups")


def test_groups_that_were_too_many_for_a_token(browser: Browser, provider: Provider) -> None:
    provider.person |= {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://example.com"}}}
    del provider.person["groups"]
    assert refused(browser.log_in(), browser, "too many groups for a token")


def test_userinfo_of_another_person(browser: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.id_token_lacks = {"groups"}
    usual = provider.forge
    provider.forge = lambda claims: usual({**claims, "sub": "u9"})
    assert refused(browser.log_in(), browser, "another person")


def test_a_renewal_for_another_person_ends_the_login(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    provider.person |= {"sub": "u2", "groups": ["admins"]}
    let_age("bea")
    assert browser.get("/account/").status_code == 302 and not browser.user


def test_a_session_of_before_is_not_the_session_after(browser: Browser) -> None:
    browser.begin()
    before = browser.session.session_key
    browser.log_in()
    assert browser.session.session_key != before


def test_an_answer_takes_the_place_of_another_persons_session(browser: Browser, provider: Provider) -> None:
    browser.force_login(User.objects.create_user("zoe"))
    browser.session["theirs"] = "x"
    browser.log_in()
    assert browser.user == "bea" and "theirs" not in browser.session


def test_after_many_refused_answers_the_address_waits(browser: Browser) -> None:
    statuses = [browser.get("/login/provider/callback", {"state": "x"}).status_code for _ in range(61)]
    assert statuses == [403] * 60 + [429] and FailedLogin.objects.exists()


def test_an_answer_that_names_something_twice(browser: Browser, provider: Provider) -> None:
    assert refused(browser.get(provider.authorize(browser.begin()) + "&code=x"), browser, "twice")
