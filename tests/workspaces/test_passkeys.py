"""A passkey logs a person in without a password, or comes after it. Each challenge counts once, in the browser that began."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from tests.factories import a_workspace
from tests.races.crowd import at_once
from tests.workspaces.authenticator import Authenticator, decode, encode
from tests.workspaces.test_second_factor import PASSWORD, Browser, code, set_up
from workspaces.access import MUSTER
from workspaces.models import Event, FailedLogin, Passkey, RecoveryCode, Role, SecondFactor
from workspaces.people import login_links, members, pending
from workspaces.people.password_login import codes, login_page, passkeys

pytestmark = pytest.mark.django_db
HOST = "muster.example"


@pytest.fixture(autouse=True)
def _address(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [HOST, "other.example", "localhost", "testserver"]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def a_browser() -> Browser:
    return Browser(headers={"host": HOST})


@pytest.fixture
def browser() -> Browser:
    return a_browser()


@pytest.fixture
def bea() -> User:
    return User.objects.create_user("bea", password=PASSWORD)


@pytest.fixture
def device(browser: Browser, bea: User) -> Authenticator:
    """With a passkey of bea, who is logged out."""
    browser.force_login(bea)
    device = Authenticator()
    assert add(browser, device).status_code == 200
    browser.logout()
    return device


def options_to_add(browser: Client, name: str = "Laptop", password: str = PASSWORD) -> Any:
    return browser.post("/account/passkeys/options", {"act": "add", "name": name, "password": password})


def add(browser: Client, device: Authenticator, name: str = "Laptop") -> Any:
    answer = device.create(options_to_add(browser, name).json())
    return browser.post("/account/passkeys/", {"answer": answer})


def options_to_log_in(browser: Client) -> Any:
    return browser.post("/login/passkey").json()


def log_in(browser: Client, device: Authenticator, **more: str) -> Any:
    return browser.post("/login/", {"answer": device.get(options_to_log_in(browser)), **more})


def type_password(browser: Client) -> str:
    return str(browser.post("/login/", {"username": "bea", "password": PASSWORD})["Location"])


def changed(answer: str, **parts: str) -> str:
    read = json.loads(answer)
    read["response"] |= parts
    return json.dumps(read)


def test_the_first_passkey_brings_recovery_codes_and_the_second_none(browser: Browser, bea: User) -> None:
    browser.force_login(bea)
    assert len(add(browser, Authenticator()).context["codes"]) == 10
    assert add(browser, Authenticator(), "Phone")["Location"] == "/account/second-factor/"
    page = browser.get("/account/second-factor/").content.decode()
    assert "Laptop" in page and "Phone" in page and RecoveryCode.objects.count() == 10


def test_a_passkey_logs_in_without_a_password(browser: Browser, device: Authenticator) -> None:
    assert b"Log in with a passkey" in browser.get("/login/").content
    before = browser.session.session_key
    assert log_in(browser, device, next="/account/")["Location"] == "/account/" and browser.user == "bea"
    passkey = Passkey.objects.get()
    assert passkey.last_used_at and passkey.sign_count == 1 and browser.session.session_key != before


def test_a_password_alone_logs_no_one_in_who_has_a_passkey(browser: Browser, device: Authenticator) -> None:
    assert type_password(browser) == "/login/code/" and not browser.user
    assert b"Use a passkey" in browser.get("/login/code/").content
    answer = device.get(browser.post("/login/code/passkey").json())
    assert browser.post("/login/code/", {"answer": answer}).status_code == 302 and browser.user == "bea"


def test_a_recovery_code_stands_in_for_a_passkey(browser: Browser, bea: User) -> None:
    browser.force_login(bea)
    recovery = add(browser, Authenticator()).context["codes"]
    browser.logout()
    type_password(browser)
    assert browser.post("/login/code/", {"code": recovery[0]}).status_code == 302 and browser.user == "bea"


def test_the_key_of_an_app_that_was_not_confirmed_gives_no_code(browser: Browser, bea: User, device: Authenticator) -> None:
    key = codes.begin(bea)
    type_password(browser)
    assert browser.post("/login/code/", {"code": code(key)}).status_code == 400 and not browser.user


def test_adding_one_needs_the_password(browser: Browser, bea: User) -> None:
    browser.force_login(bea)
    wrong = options_to_add(browser, password="wrong")
    assert wrong.status_code == 400 and wrong.json() == {"message": "The password is wrong"}
    for _ in range(9):
        options_to_add(browser, password="wrong")
    assert options_to_add(browser).status_code == 429


def test_a_person_without_a_password_adds_none(browser: Browser) -> None:
    browser.force_login(User.objects.create_user("zoe"))
    assert options_to_add(browser).json() == {"message": "Set a password first"}


@pytest.mark.parametrize("name", ["", " ", "\x00"])
def test_a_passkey_has_a_name_of_its_own(browser: Browser, bea: User, name: str) -> None:
    browser.force_login(bea)
    assert options_to_add(browser, name).json() == {"message": "Write a name"}
    add(browser, Authenticator())
    assert options_to_add(browser).json() == {"message": "You have a passkey Laptop already"}


def test_an_answer_counts_once(browser: Browser, device: Authenticator) -> None:
    answer = device.get(options_to_log_in(browser))
    browser.post("/login/", {"answer": answer})
    browser.post("/logout/")
    assert browser.post("/login/", {"answer": answer}).status_code == 400 and not browser.user


def test_an_answer_counts_in_its_own_browser_alone(browser: Browser, device: Authenticator) -> None:
    other = a_browser()
    options_to_log_in(other)
    answer = device.get(options_to_log_in(browser))
    refused = other.post("/login/", {"answer": answer})
    assert refused.status_code == 400 and b"nothing that began in this browser" in refused.content and not other.user
    assert Passkey.objects.get().last_used_at is None


def test_an_answer_that_comes_late_counts_for_nothing(
    browser: Browser, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = device.get(options_to_log_in(browser))
    monkeypatch.setattr(pending, "LASTS_S", -1)
    assert browser.post("/login/", {"answer": answer}).status_code == 400 and not browser.user


def test_an_answer_for_one_purpose_is_none_for_another(browser: Browser, bea: User, device: Authenticator) -> None:
    answer = device.get(options_to_log_in(browser))
    type_password(browser)
    assert browser.post("/login/code/", {"answer": answer}).status_code == 400 and not browser.user
    of_step = device.get(browser.post("/login/code/passkey").json())
    assert browser.post("/login/", {"answer": of_step}).status_code == 400 and not browser.user


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://muster.example", "https://muster.example.evil.example", "null"]
)
def test_another_origin_is_refused(browser: Browser, device: Authenticator, origin: str) -> None:
    device.origin = origin
    assert log_in(browser, device).status_code == 400 and not browser.user


def test_a_page_within_another_site_is_refused(browser: Browser, device: Authenticator) -> None:
    answer = device.get(options_to_log_in(browser))
    client = json.loads(decode(json.loads(answer)["response"]["clientDataJSON"])) | {"crossOrigin": True}
    framed = changed(answer, clientDataJSON=encode(json.dumps(client).encode()))
    assert browser.post("/login/", {"answer": framed}).status_code == 400 and not browser.user


def test_a_passkey_of_another_host_name_is_refused_with_both_names(browser: Browser, device: Authenticator) -> None:
    other = Browser(headers={"host": "other.example"})
    device.origin = "https://other.example"
    refused = log_in(other, device)
    assert refused.status_code == 400 and b"belongs to muster.example, and this address is other.example" in refused.content
    type_password(other)
    page = other.get("/login/code/").content
    assert b"Use a passkey" not in page and b"belong to muster.example, not to other.example" in page


def test_this_machine_needs_no_https(bea: User) -> None:
    here = Browser(headers={"host": "localhost:8765"})
    here.force_login(bea)
    device = Authenticator(origin="http://localhost:8765")
    assert add(here, device).status_code == 200 and device.host == "localhost"
    here.logout()
    assert log_in(here, device).status_code == 302 and here.user == "bea"


def test_a_login_without_a_password_needs_a_device_that_knows_its_person(browser: Browser, device: Authenticator) -> None:
    device.verifies = False
    assert log_in(browser, device).status_code == 400 and not browser.user
    type_password(browser)
    answer = device.get(browser.post("/login/code/passkey").json())
    assert browser.post("/login/code/", {"answer": answer}).status_code == 302


def test_a_count_that_goes_back_is_refused(browser: Browser, device: Authenticator) -> None:
    device.count = 7
    assert log_in(browser, device).status_code == 302
    browser.logout()
    for count in (3, 7, -1):
        device.count = count
        refused = log_in(browser, device)
        assert refused.status_code == 400 and b"may have been copied" in refused.content and not browser.user
    assert Passkey.objects.get().sign_count == 8


def test_a_device_that_does_not_count_may_log_in_again(browser: Browser, device: Authenticator) -> None:
    device.counts = False
    for _ in range(2):
        assert log_in(browser, device).status_code == 302
        browser.logout()


def test_another_persons_passkey_is_no_second_step(browser: Browser, bea: User, device: Authenticator) -> None:
    other, zoe = a_browser(), User.objects.create_user("zoe", password=PASSWORD)
    other.force_login(zoe)
    hers = Authenticator()
    add(other, hers)
    type_password(browser)
    answer = hers.get(browser.post("/login/code/passkey").json())
    assert browser.post("/login/code/", {"answer": answer}).status_code == 400 and not browser.user


def test_a_passkey_that_names_another_person_is_refused(browser: Browser, device: Authenticator) -> None:
    device.handle = encode(b"x" * 32)
    assert log_in(browser, device).status_code == 400 and not browser.user


def test_nothing_of_the_person_is_in_their_handle(browser: Browser, bea: User, device: Authenticator) -> None:
    assert len(SecondFactor.objects.get().handle or b"") == 32
    browser.force_login(bea)
    assert options_to_add(browser, "Phone").json()["user"]["id"] == device.handle


def test_a_deactivated_person_is_not_let_in(browser: Browser, bea: User, device: Authenticator) -> None:
    User.objects.update(is_active=False)
    refused = log_in(browser, device)
    assert refused.status_code == 400 and b"not known here" in refused.content and not browser.user


def test_a_removed_passkey_is_not_known(browser: Browser, bea: User, device: Authenticator) -> None:
    passkeys.remove(bea, Passkey.objects.get().pk)
    assert b"not known here" in log_in(browser, device).content and not browser.user


def test_another_signature_is_refused(browser: Browser, device: Authenticator) -> None:
    answer = device.get(options_to_log_in(browser))
    forged = json.loads(
        Authenticator(credential_id=device.credential_id, handle=device.handle).get({"rpId": HOST, "challenge": "x"})
    )
    wrong = changed(answer, signature=forged["response"]["signature"])
    assert browser.post("/login/", {"answer": wrong}).status_code == 400 and not browser.user


BROKEN = [
    "",
    "{",
    "[]",
    "null",
    "1",
    "[" * 9000,
    "x" * 20_000,
    '{"response": {"clientDataJSON": 1}}',
    '{"response": {"clientDataJSON": "é"}}',
]


@pytest.mark.parametrize("answer", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_answer_is_refused_in_plain_words(browser: Browser, bea: User, device: Authenticator, answer: str) -> None:
    assert browser.post("/login/", {"answer": answer}).status_code == 400
    browser.force_login(bea)
    assert browser.post("/account/passkeys/", {"answer": answer}).status_code == 400


PARTS = ["", "AA", "_____w", encode(b"\x9b" + b"\xff" * 8), encode(b"\x81" * 5000)]


@pytest.mark.parametrize("part", ["authenticatorData", "signature", "userHandle", "attestationObject"])
def test_parts_that_cannot_be_read_are_refused(browser: Browser, bea: User, device: Authenticator, part: str) -> None:
    for broken in PARTS:
        if part == "attestationObject":
            browser.force_login(bea)
            answer = changed(Authenticator().create(options_to_add(browser, "Phone").json()), **{part: broken})
            assert browser.post("/account/passkeys/", {"answer": answer}).status_code == 400
        elif part != "userHandle" or broken:
            answer = changed(device.get(options_to_log_in(browser)), **{part: broken})
            assert browser.post("/login/", {"answer": answer}).status_code == 400, broken
    assert Passkey.objects.count() == 1 and Passkey.objects.get().last_used_at is None


def test_the_same_passkey_is_added_once(browser: Browser, bea: User, device: Authenticator) -> None:
    browser.force_login(bea)
    again = add(browser, device, "Phone")
    assert again.status_code == 400 and b"was added already" in again.content
    with pytest.raises(IntegrityError), transaction.atomic():
        row = Passkey.objects.get()
        Passkey.objects.create(factor=row.factor, name="Phone", credential_id=row.credential_id, public_key=b"x", host=HOST)


def test_it_is_removed_with_a_recovery_code_or_a_passkey_and_the_codes_go_with_the_last(browser: Browser, bea: User) -> None:
    browser.force_login(bea)
    device = Authenticator()
    recovery = add(browser, device).context["codes"]
    add(browser, Authenticator(), "Phone")
    laptop, phone = (f"/account/passkeys/{passkey.pk}/remove/" for passkey in passkeys.list_of(bea))
    assert browser.post(phone).status_code == 409 and browser.post(phone, {"code": "1"}).status_code == 400
    assert Passkey.objects.count() == 2 and browser.post(phone, {"code": recovery[0]}).status_code == 303
    assert RecoveryCode.objects.count() == 9
    answer = device.get(browser.post("/account/passkeys/options").json())
    assert browser.post(laptop, {"answer": answer}).status_code == 303
    assert not SecondFactor.objects.exists() and not RecoveryCode.objects.exists() and type_password(a_browser()) == "/"


def test_a_person_cannot_remove_the_passkey_of_another(browser: Browser, device: Authenticator) -> None:
    browser.force_login(User.objects.create_user("zoe", password=PASSWORD))
    assert browser.post(f"/account/passkeys/{Passkey.objects.get().pk}/remove/", {"code": "1"}).status_code == 404


def test_app_and_passkey_share_the_recovery_codes(browser: Browser, bea: User) -> None:
    key, recovery = set_up(bea)
    browser.force_login(bea)
    assert add(browser, Authenticator())["Location"] == "/account/second-factor/" and RecoveryCode.objects.count() == 10
    codes.remove(bea, recovery[0])
    assert codes.is_on(bea) and not codes.has_app(bea) and codes.begin(bea) != key
    assert codes.confirm(bea, code(codes.begin(bea))) == [] and RecoveryCode.objects.count() == 9
    passkeys.remove(bea, Passkey.objects.get().pk)
    assert codes.is_on(bea) and RecoveryCode.objects.count() == 9


def test_a_passkey_removes_the_app(browser: Browser, bea: User, device: Authenticator) -> None:
    codes.confirm(bea, code(codes.begin(bea)))
    browser.force_login(bea)
    assert b"Use a passkey to remove the app" in browser.get("/account/second-factor/").content
    assert browser.post("/account/second-factor/", {"act": "remove", "answer": "{}"}).status_code == 400 and codes.has_app(bea)
    answer = device.get(browser.post("/account/passkeys/options", {"act": "remove"}).json())
    assert browser.post("/account/second-factor/", {"act": "remove", "answer": answer}).status_code == 303
    assert not codes.has_app(bea) and codes.is_on(bea)


def test_a_factor_that_was_removed_meanwhile_takes_no_passkey(browser: Browser, bea: User) -> None:
    browser.force_login(bea)
    answer = Authenticator().create(options_to_add(browser).json())
    codes.remove_lost(bea)
    assert browser.post("/account/passkeys/", {"answer": answer}).status_code == 400 and not Passkey.objects.exists()


def test_who_runs_the_server_removes_lost_ones(bea: User, device: Authenticator) -> None:
    call_command("remove_second_factor", "bea")
    assert not Passkey.objects.exists() and not codes.is_on(bea)


def test_a_login_link_needs_no_passkey(browser: Browser, bea: User, device: Authenticator) -> None:
    browser.get(login_links.link_for(bea))
    assert browser.user == "bea"


def test_after_ten_wrong_answers_a_right_one_waits_too(browser: Browser, device: Authenticator) -> None:
    type_password(browser)
    options = browser.post("/login/code/passkey").json()
    for _ in range(10):
        browser.post("/login/code/", {"answer": "{}"})
    assert browser.post("/login/code/", {"answer": device.get(options)}).status_code == 429 and not browser.user


def test_an_address_with_many_refused_answers_waits(
    browser: Browser, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_page, "MAX_REFUSED", 2)
    assert log_in(browser, device).status_code == 302
    browser.logout()
    FailedLogin.objects.all().delete()
    statuses = [browser.post("/login/", {"answer": "{}"}).status_code for _ in range(3)]
    assert statuses == [400, 400, 429] and log_in(browser, device).status_code == 429


def test_an_address_that_begins_many_logins_waits(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_page, "MAX_STARTS", 1)
    assert [browser.post("/login/passkey").status_code for _ in range(2)] == [200, 429]


def test_options_of_an_account_are_for_who_is_logged_in(browser: Browser, device: Authenticator) -> None:
    assert browser.post("/account/passkeys/options")["Location"].startswith("/login/")
    assert browser.post("/login/code/passkey").status_code == 400
    assert [browser.get(path).status_code for path in ("/login/passkey", "/login/code/passkey")] == [405, 405]


def test_a_form_without_a_token_is_refused(device: Authenticator) -> None:
    strict = Browser(enforce_csrf_checks=True, headers={"host": HOST})
    assert strict.post("/login/passkey").status_code == strict.post("/login/", {"answer": "{}"}).status_code == 403


def test_the_activity_of_their_workspaces_has_it(browser: Browser, bea: User) -> None:
    shop = a_workspace()
    members.add(shop, bea, Role.VIEWER, by=MUSTER)
    browser.force_login(bea)
    add(browser, Authenticator())
    passkeys.remove(bea, Passkey.objects.get().pk)
    rows = Event.objects.filter(verb__startswith="person.", workspace=shop).order_by("id").values_list("verb", "data__name")
    assert list(rows) == [("person.passkey_added", "Laptop"), ("person.passkey_removed", "Laptop")]


@pytest.mark.django_db(transaction=True)
def test_of_two_logins_with_one_answer_one_counts(browser: Browser, device: Authenticator) -> None:
    answer = device.get(options_to_log_in(browser))
    same = a_browser()
    same.cookies.update(browser.cookies)
    statuses = at_once([lambda tab=tab: tab.post("/login/", {"answer": answer}).status_code for tab in (browser, same)])
    assert sorted(statuses) == [302, 400] and Passkey.objects.get().sign_count == 1


@pytest.mark.django_db(transaction=True)
def test_two_first_passkeys_at_once_bring_recovery_codes_once(browser: Browser, bea: User) -> None:
    browser.force_login(bea)
    answers = [Authenticator().create(options_to_add(browser, name).json()) for name in ("Laptop", "Phone")]
    statuses = at_once([lambda a=a: browser.post("/account/passkeys/", {"answer": a}).status_code for a in answers])
    assert sorted(statuses) == [200, 303] and RecoveryCode.objects.count() == 10 and Passkey.objects.count() == 2


def test_a_server_without_passkeys_does_not_load_the_library() -> None:
    loaded = "import sys, django; django.setup(); import config.urls; print([n for n in sys.modules if 'fido2' in n])"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", loaded], cwd=root, env=env, capture_output=True, text=True).stdout == "[]\n"
