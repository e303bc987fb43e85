"""The main path against a certified provider: PKCE, nonce, claims by userinfo, keys of each kind, rotating refresh tokens.
`tests/journeys/test_single_sign_on.py` runs these."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User

from tests.agents import clis
from tests.races.crowd import at_once
from tests.sso.conftest import Browser, let_age
from tests.sso.real_provider import SECRET, Person, RealProvider
from workspaces.access import MUSTER
from workspaces.models import Membership, Role, Workspace
from workspaces.sso import groups, renewal
from workspaces.sso.models import ProviderLogin

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
BEA = {"email": "bea@example.com", "email_verified": True, "preferred_username": "bea"}


@pytest.fixture(scope="module")
def _real() -> Iterator[RealProvider]:
    started = RealProvider(clis.provider(), site.BASE_URL.rstrip("/") + "/login/provider/callback")
    yield started
    started.end()


@pytest.fixture
def real(_real: RealProvider, settings: Any, db: None) -> RealProvider:
    from workspaces.sso import provider as client

    client.forget()
    settings.OIDC_ISSUER, settings.OIDC_NAME = _real.issuer, "Acme"
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "muster-RS256-basic", SECRET
    settings.OIDC_SCOPES, settings.OIDC_PROMPT = "openid profile email offline_access groups", "consent"
    _real.change(people={"u1": {**BEA, "groups": ["payments-dev"]}})
    return _real


def log_in(browser: Browser, person: Person) -> Any:
    return browser.get(person.follow(browser.begin(next="/account/")))


def roles() -> list[str]:
    return list(Membership.objects.values_list("role", flat=True))


@pytest.fixture
def browser(real: RealProvider) -> Browser:
    return Browser()


@pytest.fixture
def bea(shop: Workspace) -> Person:
    groups.set_role(shop, "payments-dev", Role.OPERATOR, by=MUSTER)
    return Person("u1")


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("client", ["RS256-post", "PS256-basic", "ES256-basic", "EdDSA-post"])
def test_a_person_logs_in_whatever_signs_and_however_the_secret_is_sent(
    client: str, browser: Browser, bea: Person, settings: Any
) -> None:
    settings.OIDC_CLIENT_ID = f"muster-{client}"
    assert log_in(browser, bea)["Location"] == "/account/"
    assert browser.user == "bea" and roles() == ["operator"] and User.objects.get().email == "bea@example.com"


def test_renewals_rotate_the_refresh_token_and_take_a_role_with_its_group(
    real: RealProvider, browser: Browser, bea: Person
) -> None:
    log_in(browser, bea)
    for listed in (["payments-dev"], []):
        before = bytes(ProviderLogin.objects.get().refresh_token)
        real.change(people={"u1": {**BEA, "groups": listed}})
        let_age("bea")
        assert browser.get("/account/").status_code == 200 and bytes(ProviderLogin.objects.get().refresh_token) != before
    assert roles() == []


def test_a_person_who_is_gone_there_is_out_here(real: RealProvider, browser: Browser, bea: Person) -> None:
    log_in(browser, bea)
    real.change(people={})
    let_age("bea")
    assert b"no longer confirms your login" in browser.get("/account/", follow=True).content and not browser.user


def test_new_keys_count_at_once(real: RealProvider, browser: Browser, bea: Person) -> None:
    log_in(browser, bea)
    real.change(keys=True)
    assert log_in(browser, bea)["Location"] == "/account/"


@pytest.mark.parametrize(
    ("claim", "listed", "role"),
    [
        ("groups", "payments-dev", ["operator"]),
        ("realm_access.roles", {"roles": ["payments-dev"]}, ["operator"]),
        ("groups", None, []),
    ],
)
def test_groups_come_as_a_text_or_inside_another_claim(
    claim: str, listed: Any, role: list[str], real: RealProvider, browser: Browser, bea: Person, settings: Any
) -> None:
    settings.OIDC_GROUPS_CLAIM = claim
    real.change(people={"u1": {**BEA, claim.split(".")[0]: listed}}, inIdToken=claim == "groups")
    log_in(browser, bea)
    assert browser.user == "bea" and roles() == role


def test_too_many_groups_let_no_one_in(real: RealProvider, browser: Browser, bea: Person) -> None:
    real.change(people={"u1": {**BEA, "groups": [f"g{number}" for number in range(501)]}})
    assert b"lists 501 groups" in log_in(browser, bea).content and not browser.user


def test_after_a_logout_the_page_leads_to_the_logout_there(browser: Browser, bea: Person) -> None:
    log_in(browser, bea)
    page = browser.post("/logout/")
    there = bea.browser.get(page.context["address"])
    assert not browser.user and there.status_code == 200 and "sign-out from" in there.text


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_send_a_refresh_token_once(browser: Browser, bea: Person) -> None:
    log_in(browser, bea)
    person = User.objects.get().pk
    for _ in range(2):
        let_age("bea")
        assert at_once([lambda: renewal.why_over(person)] * 4) == [""] * 4
        assert ProviderLogin.objects.get().over_because == ""
