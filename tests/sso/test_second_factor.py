"""A login by password needs a code of the person's app too, once they have set that up. Each code counts once."""

import base64
import time

import pytest
from django.contrib.auth.models import User

from tests.sso.conftest import Browser, a_browser
from tests.sso.provider import Provider
from workspaces.sso import second_factor
from workspaces.sso.models import RecoveryCode, SecondFactor

pytestmark = pytest.mark.django_db
PASSWORD = "a good password"


@pytest.fixture
def bea() -> User:
    return User.objects.create_user("bea", password=PASSWORD, email="bea@example.com")


def code(key: str, later: int = 0) -> str:
    return second_factor.code_at(base64.b32decode(key), int(time.time()) // second_factor.STEP_S + later)


def set_up(person: User) -> tuple[str, list[str]]:
    """Its key and recovery codes; no code of this moment is used."""
    key = second_factor.begin(person)
    return key, second_factor.confirm(person, code(key, -1))


def type_password(browser: Browser, next_url: str = "") -> str:
    form = {"username": "bea", "password": PASSWORD, "next": next_url}
    return str(browser.post("/login/", form)["Location"])


def test_codes_are_those_of_the_standard() -> None:
    assert second_factor.code_at(b"12345678901234567890", 59 // 30) == "287082"


def test_a_person_sets_it_up_with_a_code_and_gets_recovery_codes_once(browser: Browser, bea: User) -> None:
    browser.force_login(bea)
    key = browser.get("/account/second-factor/").context["key"]
    assert browser.post("/account/second-factor/", {"code": "000000"}).status_code == 400 and not second_factor.is_on(bea)
    codes = browser.post("/account/second-factor/", {"code": code(key)}).context["codes"]
    page = browser.get("/account/second-factor/").content.decode()
    assert second_factor.is_on(bea) and len(codes) == 10 and codes[0] not in page and key not in page
    assert key.encode() not in bytes(SecondFactor.objects.get().sealed_key)


def test_a_password_alone_logs_no_one_in(browser: Browser, bea: User) -> None:
    key, _ = set_up(bea)
    assert type_password(browser, "/account/") == "/login/code/" and not browser.user
    assert browser.get("/account/").status_code == 302
    assert browser.post("/login/code/", {"code": "123"}).status_code == 400 and not browser.user
    assert browser.post("/login/code/", {"code": code(key)})["Location"] == "/account/" and browser.user == "bea"


def test_a_code_counts_once(browser: Browser, provider: Provider, bea: User) -> None:
    key, _ = set_up(bea)
    used = code(key, 1)
    type_password(browser)
    assert browser.post("/login/code/", {"code": used}).status_code == 302
    other = a_browser(provider)
    type_password(other)
    assert other.post("/login/code/", {"code": used}).status_code == 400 and not other.user


def test_a_recovery_code_counts_once(browser: Browser, provider: Provider, bea: User) -> None:
    _, codes = set_up(bea)
    type_password(browser)
    assert browser.post("/login/code/", {"code": codes[3].upper()}).status_code == 302 and browser.user == "bea"
    other = a_browser(provider)
    type_password(other)
    assert other.post("/login/code/", {"code": codes[3]}).status_code == 400 and RecoveryCode.objects.count() == 9


def test_the_second_step_needs_the_first(browser: Browser, bea: User) -> None:
    key, _ = set_up(bea)
    assert browser.post("/login/code/", {"code": code(key)})["Location"] == "/login/" and not browser.user


def test_another_password_voids_the_first_step(browser: Browser, bea: User) -> None:
    key, _ = set_up(bea)
    type_password(browser)
    bea.set_password("another good password")
    bea.save()
    assert browser.post("/login/code/", {"code": code(key)})["Location"] == "/login/" and not browser.user


def test_after_ten_wrong_codes_a_right_one_waits_too(browser: Browser, bea: User) -> None:
    key, _ = set_up(bea)
    type_password(browser)
    statuses = [browser.post("/login/code/", {"code": "000000"}).status_code for _ in range(10)]
    assert statuses == [400] * 10 and browser.post("/login/code/", {"code": code(key)}).status_code == 429 and not browser.user


def test_it_is_removed_with_a_code_alone(browser: Browser, bea: User) -> None:
    _, codes = set_up(bea)
    browser.force_login(bea)
    assert browser.post("/account/second-factor/", {"act": "remove", "code": "1"}).status_code == 400 and second_factor.is_on(bea)
    browser.post("/account/second-factor/", {"act": "remove", "code": codes[0]})
    assert not second_factor.is_on(bea)


def test_a_login_by_the_provider_needs_no_code(browser: Browser, bea: User) -> None:
    set_up(bea)
    browser.log_in()
    assert browser.user == "bea"
