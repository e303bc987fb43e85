"""A login by password needs a code of the person's app too, once they have set that up. Each code counts once."""

import base64
import time

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from tests.factories import a_workspace
from workspaces.access import MUSTER
from workspaces.models import Event, RecoveryCode, Role, SecondFactor
from workspaces.people import login_links, members
from workspaces.people.password_login import codes as second_factor

pytestmark = pytest.mark.django_db
PASSWORD = "a good password"


class Browser(Client):
    @property
    def user(self) -> str:
        """The name of the person whose session it has; empty without one."""
        key = self.session.get("_auth_user_id")
        return User.objects.get(pk=key).username if key else ""


@pytest.fixture
def browser() -> Browser:
    return Browser()


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


def test_a_code_counts_once(browser: Browser, bea: User) -> None:
    key, _ = set_up(bea)
    used = code(key, 1)
    type_password(browser)
    assert browser.post("/login/code/", {"code": used}).status_code == 302
    other = Browser()
    type_password(other)
    assert other.post("/login/code/", {"code": used}).status_code == 400 and not other.user


def test_a_recovery_code_counts_once(browser: Browser, bea: User) -> None:
    _, codes = set_up(bea)
    type_password(browser)
    assert browser.post("/login/code/", {"code": codes[3].upper()}).status_code == 302 and browser.user == "bea"
    other = Browser()
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


def test_who_runs_the_server_removes_a_lost_one(bea: User) -> None:
    set_up(bea)
    call_command("remove_second_factor", "bea")
    assert not second_factor.is_on(bea)
    for name in ("bea", "zoe"):
        with pytest.raises(CommandError, match="no second factor" if name == "bea" else "no user"):
            call_command("remove_second_factor", name)


def test_a_login_link_needs_no_code(browser: Browser, bea: User) -> None:
    set_up(bea)
    browser.get(login_links.link_for(bea).removeprefix(settings.BASE_URL))
    assert browser.user == "bea"


def test_the_activity_of_their_workspaces_has_it(bea: User) -> None:
    shop = a_workspace()
    members.add(shop, bea, Role.VIEWER, by=MUSTER)
    _, codes = set_up(bea)
    second_factor.remove(bea, codes[0])
    verbs = Event.objects.filter(verb__startswith="person.", workspace=shop).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["person.second_factor_on", "person.second_factor_off"]


def test_a_person_without_a_password_is_led_to_one(browser: Browser) -> None:
    person = User.objects.create_user("zoe")
    browser.force_login(person)
    assert "You have no password" in browser.get("/account/second-factor/").content.decode()
    assert browser.post("/account/second-factor/", {"code": "000000"}).status_code == 400 and not SecondFactor.objects.exists()
