"""People log in by a provider, with the roles of their groups, for as long as the provider confirms it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory
from django.utils.timezone import now

from config.mcp import endpoint
from dashboard.live import streams
from tests.sso.conftest import Browser, a_browser, let_age
from tests.sso.provider import Provider
from tests.workspaces.authenticator import Authenticator
from workspaces.access import MUSTER
from workspaces.errors import Unauthorized
from workspaces.models import Event, Membership, Role, SecondFactor, Workspace
from workspaces.people import members, tokens
from workspaces.sso import groups
from workspaces.sso.models import ProviderLogin

pytestmark = pytest.mark.django_db


def roles(name: str = "bea") -> dict[str, str]:
    rows = Membership.objects.filter(user__username=name).values_list("workspace__name", "role")
    return dict(rows)


def api(browser: Browser | None, secret: str = "") -> tuple[int, bytes]:
    header = {"HTTP_AUTHORIZATION": f"Bearer {secret}"} if secret else {}
    response = (browser or Browser()).get("/api/v1/workspaces", **header)  # type: ignore[arg-type]
    return response.status_code, response.content


def test_the_login_page_has_a_button_for_it(browser: Browser) -> None:
    assert b"Log in with Acme" in browser.get("/login/").content


def test_a_new_person_gets_an_account_and_their_page(browser: Browser) -> None:
    response = browser.log_in(next="/account/")
    assert (response.status_code, response["Location"], browser.user) == (302, "/account/", "bea")
    person = User.objects.get()
    assert person.email == "bea@example.com" and not person.has_usable_password()


def test_a_verified_address_links_the_account_that_is_there(browser: Browser) -> None:
    User.objects.create_user("beatrix", email="Bea@Example.com")
    browser.log_in()
    assert browser.user == "beatrix" and User.objects.count() == 1


def test_a_person_keeps_their_account_when_their_address_changes(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    provider.person |= {"email": "new@example.com", "preferred_username": "other"}
    browser.log_in()
    assert browser.user == "bea" and User.objects.count() == 1


def test_groups_give_roles_and_the_strongest_counts(browser: Browser, provider: Provider, shop: Workspace) -> None:
    groups.set_role(shop, "readers", Role.VIEWER, by=MUSTER)
    groups.set_role(shop, "payments-dev", Role.OPERATOR, by=MUSTER)
    provider.person["groups"] = ["readers", "payments-dev", "unknown"]
    browser.log_in()
    assert roles() == {"shop": "operator"}
    assert Event.objects.filter(verb="member.added").get().actor == "single sign-on"
    assert Event.objects.filter(verb="person.logged_in").get().actor == "bea"


def test_a_role_goes_with_its_group_at_the_next_renewal(browser: Browser, provider: Provider, shop: Workspace) -> None:
    groups.set_role(shop, "payments-dev", Role.ADMIN, by=MUSTER)
    provider.person["groups"] = ["payments-dev"]
    browser.log_in()
    provider.person["groups"] = []
    let_age("bea")
    assert browser.get("/account/").status_code == 200 and roles() == {}


def test_a_membership_by_hand_stays(browser: Browser, provider: Provider, shop: Workspace) -> None:
    members.add(shop, User.objects.create_user("bea", email="bea@example.com"), Role.BUDGET, by=MUSTER)
    groups.set_role(shop, "payments-dev", Role.ADMIN, by=MUSTER)
    provider.person["groups"] = ["payments-dev"]
    browser.log_in()
    provider.person["groups"] = []
    browser.log_in()
    assert roles() == {"shop": "budget"}


def test_a_membership_by_group_can_be_removed_where_single_sign_on_was_switched_off(
    browser: Browser, provider: Provider, shop: Workspace
) -> None:
    groups.set_role(shop, "payments-dev", Role.OPERATOR, by=MUSTER)
    provider.person["groups"] = ["payments-dev"]
    browser.log_in()
    with connection.cursor() as cursor:  # as Django deletes what it knows no other table of
        cursor.execute("DELETE FROM workspaces_membership")
    connection.check_constraints()
    browser.log_in()
    assert roles() == {"shop": "operator"}


@pytest.mark.parametrize("answer", [{"x": "y" * 600_000}, [], "text"], ids=["large", "list", "text"])
def test_an_answer_that_cannot_be_read_is_as_if_the_provider_were_away(
    browser: Browser, provider: Provider, answer: object
) -> None:
    provider.metadata = lambda: answer  # type: ignore[method-assign,assignment,return-value]
    try:
        assert browser.post("/login/provider").status_code == 503 and b"does not answer" in browser.get("/login/").content
    finally:
        del provider.metadata  # type: ignore[method-assign]


def test_groups_and_address_may_come_by_userinfo_alone(browser: Browser, provider: Provider, shop: Workspace) -> None:
    groups.set_role(shop, "payments-dev", Role.OPERATOR, by=MUSTER)
    provider.person["groups"] = ["payments-dev"]
    provider.id_token_lacks = {"groups", "email", "email_verified"}
    browser.log_in()
    assert roles() == {"shop": "operator"} and User.objects.get().email == "bea@example.com"


def test_a_login_is_renewed_after_its_time_and_once(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    before = provider.requests.count("/token")
    let_age("bea")
    assert [browser.get("/account/").status_code for _ in range(3)] == [200, 200, 200]
    assert provider.requests.count("/token") == before + 1


def test_a_time_that_the_database_wrote_counts(browser: Browser, provider: Provider, settings: Any) -> None:
    browser.log_in()
    settings.OIDC_MAX_AGE_S = 0
    assert browser.get("/account/").status_code == 200 and provider.requests.count("/token") == 2


def test_where_the_provider_refuses_sessions_and_tokens_stop_with_a_reason(
    browser: Browser, provider: Provider, shop: Workspace
) -> None:
    groups.set_role(shop, "payments-dev", Role.OPERATOR, by=MUSTER)
    provider.person["groups"] = ["payments-dev"]
    browser.log_in()
    secret = tokens.log_in(User.objects.get(), "laptop")[1]
    assert api(None, secret)[0] == api(browser)[0] == 200
    provider.refresh_tokens.clear()
    let_age("bea")
    status, body = api(None, secret)
    assert status == 401 and b"Acme no longer confirms your login. Log in by Acme again" in body
    assert b"no longer confirms" in browser.get("/account/", follow=True).content and browser.user == ""
    assert Event.objects.filter(verb="person.login_over").count() == 1
    browser.log_in()
    assert browser.user == "bea" and api(None, secret)[0] == 200


def test_streams_and_the_model_context_protocol_stop_with_the_same_reason(
    browser: Browser, provider: Provider, shop: Workspace, rf: RequestFactory
) -> None:
    groups.set_role(shop, "payments-dev", Role.OPERATOR, by=MUSTER)
    provider.person["groups"] = ["payments-dev"]
    browser.log_in()
    secret = tokens.log_in(User.objects.get(), "laptop")[1]
    open_stream, program = rf.get("/"), rf.get("/", headers={"authorization": f"Bearer {secret}"})
    open_stream.session = browser.session
    provider.refresh_tokens.clear()
    let_age("bea")
    for refused in (lambda: streams._person(open_stream), lambda: streams._program(program)):
        with pytest.raises(Unauthorized, match="no longer confirms"):
            refused()
    with pytest.raises(endpoint.Refused, match="no longer confirms"):
        endpoint._caller({"authorization": f"Bearer {secret}"})


def test_the_api_gives_a_browser_the_reason(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    provider.refresh_tokens.clear()
    let_age("bea")
    status, body = api(browser)
    assert status == 401 and b"no longer confirms" in body


def test_without_a_refresh_token_a_login_ends_with_its_time(browser: Browser, provider: Provider) -> None:
    provider.gives_refresh = False
    browser.log_in()
    let_age("bea")
    assert b"Your login is over. Log in by Acme again" in browser.get("/account/", follow=True).content


def test_a_password_does_not_go_around_the_provider(browser: Browser, provider: Provider) -> None:
    User.objects.create_user("bea", email="bea@example.com", password="a good password")
    browser.log_in()
    provider.refresh_tokens.clear()
    let_age("bea")
    other = a_browser(provider)
    other.login(username="bea", password="a good password")
    assert other.get("/account/").status_code == 302 and other.user == ""


@pytest.mark.parametrize(("admin", "status"), [(False, 302), (True, 200)], ids=["person", "admin of the server"])
def test_a_passkey_goes_around_the_provider_as_a_password_does(
    browser: Browser, provider: Provider, admin: bool, status: int
) -> None:
    User.objects.create_user("bea", email="bea@example.com", password="a good password", is_superuser=admin)
    browser.log_in()
    device = Authenticator(origin="https://testserver")
    options = browser.post("/account/passkeys/options", {"act": "add", "name": "x", "password": "a good password"}).json()
    browser.post("/account/passkeys/", {"answer": device.create(options)})
    provider.refresh_tokens.clear()
    let_age("bea")
    other = a_browser(provider)
    assert other.post("/login/", {"answer": device.get(other.post("/login/passkey").json())}).status_code == 302
    assert other.get("/account/").status_code == status


def test_an_admin_of_the_server_can_break_the_glass(browser: Browser, provider: Provider) -> None:
    User.objects.create_superuser("bea", email="bea@example.com", password="a good password")
    browser.log_in()
    provider.refresh_tokens.clear()
    let_age("bea")
    other = a_browser(provider)
    other.login(username="bea", password="a good password")
    assert browser.get("/account/").status_code == 302 and other.get("/account/").status_code == 200


@pytest.mark.parametrize("trouble", ["away", "secret"])
def test_a_login_ends_a_day_after_its_time_where_the_provider_confirms_it_to_no_one(
    browser: Browser, provider: Provider, settings: Any, trouble: str
) -> None:
    browser.log_in()
    provider.down = 503 if trouble == "away" else 0
    settings.OIDC_CLIENT_SECRET = "rotated" if trouble == "secret" else settings.OIDC_CLIENT_SECRET
    for days, status in ((1, 200), (4, 302)):
        ProviderLogin.objects.update(checked_at=now() - timedelta(days=days), tried_at=None)
        assert browser.get("/account/").status_code == status
    assert "has confirmed no login for a day" in ProviderLogin.objects.get().over_because


@pytest.mark.parametrize("status", [500, 503, 429])
def test_while_the_provider_is_away_sessions_go_on_without_new_logins(browser: Browser, provider: Provider, status: int) -> None:
    from workspaces.sso import provider as client

    browser.log_in()
    provider.down = status
    client.forget()
    let_age("bea")
    assert browser.get("/account/").status_code == 200 and ProviderLogin.objects.get().over_because == ""
    page = a_browser(provider).get("/login/").content
    assert b"Acme does not answer" in page
    assert a_browser(provider).post("/login/provider").status_code == 503


def test_a_wrong_secret_of_this_server_ends_no_login(browser: Browser, provider: Provider, settings: Any) -> None:
    browser.log_in()
    let_age("bea")
    settings.OIDC_CLIENT_SECRET = "mistyped"
    assert browser.get("/account/").status_code == 200 and browser.user == "bea"
    assert b"does not answer" in a_browser(provider).log_in().content


def test_a_refresh_token_is_sealed_in_the_database(browser: Browser, provider: Provider) -> None:
    browser.log_in()
    assert next(iter(provider.refresh_tokens)).encode() not in bytes(ProviderLogin.objects.get().refresh_token)


def test_the_logout_page_leads_to_the_providers(browser: Browser, provider: Provider) -> None:
    provider.document = {"end_session_endpoint": f"{provider.issuer}/end?x=1"}
    browser.log_in()
    page = browser.post("/logout/")
    assert page.context["address"] == f"{provider.issuer}/end?x=1&client_id=muster" and not browser.user


def test_without_an_address_there_a_logout_leads_to_the_login(browser: Browser) -> None:
    browser.log_in()
    assert browser.get("/logout/").status_code == 405
    assert browser.post("/logout/")["Location"] == "/login/" and not browser.user


def test_a_login_by_the_provider_needs_no_code(browser: Browser) -> None:
    person = User.objects.create_user("bea", email="bea@example.com")
    SecondFactor.objects.create(user=person, sealed_key=b"x", confirmed_at=now())
    browser.log_in()
    assert browser.user == "bea"
