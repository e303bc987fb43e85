"""Logins and renewals that several processes and hosts work on at once, or that end half-way."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from tests.races.crowd import at_once
from tests.sso.conftest import Browser, a_browser, let_age
from tests.sso.provider import Provider
from workspaces.secrets import sealing
from workspaces.sso import people, renewal
from workspaces.sso import provider as client
from workspaces.sso.models import ProviderLogin

pytestmark = pytest.mark.django_db(transaction=True)


def kept() -> set[str]:
    """The refresh token that is kept."""
    return {sealing.unseal(ProviderLogin.objects.get().refresh_token, purpose=people.PURPOSE)}


def same_browser(browser: Browser) -> Browser:
    other = a_browser(browser.provider)
    other.cookies.update(browser.cookies)
    return other


def test_of_two_answers_with_one_state_one_is_redeemed(browser: Browser, provider: Provider) -> None:
    address = provider.authorize(browser.begin())
    tabs = [browser, same_browser(browser)]
    statuses = at_once([lambda tab=tab: tab.get(address).status_code for tab in tabs])
    assert sorted(statuses) == [302, 403] and provider.requests.count("/token") == 1


def test_two_first_logins_of_one_person_make_one_account(provider: Provider) -> None:
    browsers = [a_browser(provider) for _ in range(4)]
    addresses = [provider.authorize(browser.begin()) for browser in browsers]
    pairs = zip(browsers, addresses, strict=True)
    assert at_once([lambda b=b, a=a: b.get(a).status_code for b, a in pairs]) == [302] * 4
    assert User.objects.count() == ProviderLogin.objects.count() == 1


def test_two_first_logins_link_one_account(provider: Provider) -> None:
    User.objects.create_user("beatrix", email="bea@example.com")
    browsers = [a_browser(provider) for _ in range(4)]
    addresses = [provider.authorize(browser.begin()) for browser in browsers]
    at_once([lambda b=b, a=a: b.get(a) for b, a in zip(browsers, addresses, strict=True)])
    assert {browser.user for browser in browsers} == {"beatrix"} and ProviderLogin.objects.count() == 1


def test_requests_at_once_renew_once_and_all_go_on(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    person = User.objects.get().pk
    let_age("bea")
    assert at_once([lambda: renewal.why_over(person)] * 6) == [""] * 6
    assert provider.requests.count("/token") == 2 and kept() == provider.refresh_tokens


def test_one_who_renews_too_late_ends_nothing(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    let_age("bea")
    late = ProviderLogin.objects.get()
    browser.get("/account/")
    assert renewal._renew(late) == "" and ProviderLogin.objects.get().over_because == ""


def test_a_renewal_of_another_host_a_moment_ago_is_waited_for(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    let_age("bea")
    ProviderLogin.objects.update(tried_at=Now())
    assert browser.get("/account/").status_code == 200 and provider.requests.count("/token") == 1


@pytest.mark.parametrize("path", ["/userinfo", "/keys"])
def test_a_new_refresh_token_is_kept_though_the_renewal_fails_after_it(path: str, browser: Browser, provider: Provider) -> None:
    provider.id_token_lacks = {"groups"}
    browser.log_in()
    client.forget()
    let_age("bea")
    provider.broken = {path}
    assert browser.get("/account/").status_code == 200 and kept() == provider.refresh_tokens
    provider.broken = set()
    client.forget()
    let_age("bea")
    assert browser.get("/account/").status_code == 200 and ProviderLogin.objects.get().tried_at is None


def test_a_refusal_that_is_not_the_providers_own_ends_no_login(browser: Browser, provider: Provider, monkeypatch: Any) -> None:
    browser.log_in()
    let_age("bea")
    monkeypatch.setattr(provider, "token", lambda *_: (403, "<html>the firewall</html>"))
    assert browser.get("/account/").status_code == 200 and ProviderLogin.objects.get().over_because == ""


def test_while_the_provider_is_away_renewals_do_not_each_wait_for_it(browser: Browser, provider: Provider) -> None:
    for number in range(3):
        provider.person |= {"sub": f"u{number}", "preferred_username": f"p{number}", "email": f"p{number}@example.com"}
        a_browser(provider).log_in()
        let_age(f"p{number}")
    provider.down, provider.requests = 503, []
    assert [renewal.why_over(user.pk) for user in User.objects.all()] == [""] * 3
    assert len(provider.requests) == 1


def test_an_answer_that_was_cut_off_by_the_end_of_the_server_is_begun_anew(
    browser: Browser, provider: Provider, monkeypatch: Any
) -> None:
    address = provider.authorize(browser.begin())
    monkeypatch.setattr("workspaces.sso.pages.people.log_in", lambda _: 1 / 0)
    browser.raise_request_exception = False
    assert browser.get(address).status_code == 500
    monkeypatch.undo()
    assert browser.get(address).status_code == 403 and Session.objects.count() == 1
    browser.log_in()
    assert browser.user == "bea"


@pytest.mark.parametrize("seconds", [-120, 120])
def test_clocks_may_differ_by_two_minutes(seconds: int, browser: Browser, provider: Provider) -> None:
    usual = provider.forge
    provider.forge = lambda claims: usual({**claims, "iat": claims["iat"] + seconds, "exp": claims["iat"] + seconds + 60})
    browser.log_in()
    assert browser.user == "bea"
