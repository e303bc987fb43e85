"""Another provider is set up, or none any more: what began by the provider before stops, and begins again when the setting is back."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from tests.sso.conftest import Browser
from tests.sso.provider import Provider
from workspaces.access import MUSTER
from workspaces.models import Role, Workspace
from workspaces.people import members, standing, tokens
from workspaces.sso.models import ProviderLogin

pytestmark = pytest.mark.django_db


def test_a_login_by_the_provider_before_stops_at_once(browser: Browser, settings: Any) -> None:
    browser.log_in()
    issuer, settings.OIDC_ISSUER = settings.OIDC_ISSUER, "https://other.example.com"
    secret = tokens.create("x", role="owner", owner=User.objects.get())
    assert tokens.find(secret) is None and "by another provider" in tokens.why_void(secret)
    settings.OIDC_ISSUER = issuer
    assert tokens.find(secret) and browser.get("/account/").status_code == 200
    settings.OIDC_ISSUER = "https://other.example.com"
    assert browser.get("/account/").status_code == 302 and not browser.user


def test_a_person_of_the_provider_before_is_linked_by_their_verified_address(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    ProviderLogin.objects.update(issuer="https://before.example.com", subject="bea-1")
    browser.log_in()
    row = ProviderLogin.objects.get()
    assert browser.user == "bea" and (row.issuer, row.subject) == (provider.issuer, "u1")


def test_where_it_is_switched_off_sessions_and_tokens_of_its_people_stop(
    browser: Browser, shop: Workspace, settings: Any
) -> None:
    browser.log_in()
    bea, zoe = User.objects.get(), User.objects.create_user("zoe")
    for person in (bea, zoe):
        members.add(shop, person, Role.OPERATOR, by=MUSTER)
    theirs, local = (tokens.log_in(person, "laptop")[1] for person in (bea, zoe))
    without = [name for name in settings.AUTHENTICATION_BACKENDS if name != standing.BY_PROVIDER]
    with override_settings(SSO=False, AUTHENTICATION_BACKENDS=without):
        assert tokens.find(theirs) is None and tokens.why_void(theirs) == standing.SWITCHED_OFF and tokens.find(local)
        answer = browser.get("/api/v1/workspaces", HTTP_AUTHORIZATION=f"Bearer {theirs}")
        assert answer.status_code == 401 and b"switched off" in answer.content
        page = browser.get("/account/", follow=True)
        assert page.redirect_chain and b"switched off on this server" in page.content
        bea.set_password("a good password")
        bea.save()
        browser.post("/login/", {"username": "bea", "password": "a good password"})
        assert browser.get("/account/").status_code == 200
    assert tokens.find(theirs)


def test_a_password_begins_a_session_that_is_not_the_providers(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    assert browser.session["_auth_user_backend"] == standing.BY_PROVIDER
    browser.force_login(User.objects.get(), backend="workspaces.people.Backend")
    assert browser.session["_auth_user_backend"] != standing.BY_PROVIDER
