"""A person's preferences and password: spelled as people spell, safe to lead back from, and guessed so often only."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from workspaces import people
from workspaces.people import throttle

pytestmark = pytest.mark.django_db
PASSWORD, ANOTHER = "a long enough one", "another long one"


@pytest.fixture
def pia(settings: Any) -> Client:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    client = Client()
    client.force_login(User.objects.create_user("pia", password=PASSWORD))
    return client


def test_a_zone_is_known_however_it_is_spelled_and_may_be_the_servers(pia: Client) -> None:
    chosen = {"theme": "dark", "density": "normal", "shortcuts": "on"}
    for typed, kept in ((" europe/BERLIN ", "Europe/Berlin"), ("", "")):
        saved = pia.post("/account/preferences/", chosen | {"time_zone": typed})
        assert people.preferences_of(User.objects.get()).time_zone == kept
        assert saved.cookies["theme"].value == "dark" and saved.cookies["theme"]["httponly"]
    wrong = pia.post("/account/preferences/", chosen | {"time_zone": "Mars"}).context
    assert wrong["zone"] == "Mars" and wrong["problems"] == {"time_zone": "Unknown time zone: enter one like Europe/Berlin"}


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_theme_leads_back_to_a_page_of_this_site_alone(next_: str) -> None:
    client = Client()
    back = client.post("/theme/", {"theme": "dark", "next": next_})
    assert back.headers["Location"] == "/" and client.cookies["theme"].value == "dark"
    assert client.post("/theme/", {"theme": "pink", "next": "/login/"}).headers["Location"] == "/login/"
    assert client.cookies["theme"].value == "dark"


def test_tries_of_a_new_password_count_for_it_alone_and_a_good_one_forgets_them(
    pia: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MAX_TRIES", 2)
    form = {"old_password": "wrong", "new_password1": ANOTHER, "new_password2": ANOTHER}

    def status(old: str, new: str = ANOTHER) -> int:
        return pia.post("/account/password/", {"old_password": old, "new_password1": new, "new_password2": new}).status_code

    assert [status("wrong"), status(PASSWORD), status("wrong"), status(ANOTHER, PASSWORD)] == [400, 303, 400, 303]
    assert pia.get("/account/").status_code == 200  # this session stays
    assert [pia.post("/account/password/", form).status_code for _ in range(3)] == [400, 400, 429]
    assert Client().post("/login/", {"username": "pia", "password": PASSWORD}).status_code == 302
