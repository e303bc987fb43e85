"""A person's own pages: preferences, the password, tokens; and coming in."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from tests.contract.api import Api
from tests.dashboard.conftest import client_of
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from workspaces import people
from workspaces.models import ApiToken, Event, FailedLogin, Membership, Role, Workspace
from workspaces.people import login_links, throttle, tokens

PASSWORD = "a long enough one"
CHOSEN = {"time_zone": "Europe/Berlin", "theme": "dark", "density": "comfortable"}


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def pia(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("pia", password=PASSWORD))
    return client


def make(client: Client, workspace: Workspace | None, role: str, **more: str) -> Any:
    form = {"name": "ci", "workspace": workspace.pk if workspace else "", "role": role, "expires": "30"} | more
    return client.post("/account/tokens/", form)


def secret_in(response: Any) -> str:
    match = re.search(r"muster_[\w-]{43}", in_line(response.content.decode()))
    assert match
    return match[0]


def test_preferences_are_kept_and_rendered_by_the_server(pia: Client) -> None:
    assert pia.post("/account/preferences/", CHOSEN).status_code == 303
    seen = text_of(pia, "/account/")
    assert '<html lang="en" data-theme="dark" data-zone="Europe/Berlin" data-density="comfortable" data-shortcuts="off"' in seen
    pia.post("/logout/")
    assert 'data-theme="dark" data-zone="UTC"' in text_of(pia, "/login/")


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "x" * 500, "a\x00b", "localtime"])
def test_an_invalid_time_zone_is_refused_at_its_field(pia: Client, zone: str) -> None:
    response = pia.post("/account/preferences/", CHOSEN | {"time_zone": zone})
    assert response.status_code == 400 and 'id="zone-wrong"' in in_line(response.content.decode())
    assert people.preferences_of(User.objects.get()).time_zone == ""


def test_the_theme_of_the_browser_stays_after_the_login_of_who_has_chosen_none(pia: Client) -> None:
    pia.cookies["theme"] = "dark"
    assert 'data-theme="dark"' in text_of(pia, "/account/")


def test_the_theme_of_the_footer_is_kept_with_the_person(pia: Client) -> None:
    pia.post("/account/preferences/", CHOSEN)
    pia.post("/theme/", {"theme": "light"})
    kept = people.preferences_of(User.objects.get())
    assert (kept.theme, kept.time_zone) == ("light", "Europe/Berlin") and 'data-theme="light"' in text_of(pia, "/")


def test_a_new_password_ends_the_sessions_elsewhere(pia: Client) -> None:
    elsewhere = Client()
    assert elsewhere.login(username="pia", password=PASSWORD)
    form = {"old_password": PASSWORD, "new_password1": "another long one", "new_password2": "another long one"}
    assert pia.post("/account/password/", form | {"old_password": "wrong"}).status_code == 400
    assert pia.post("/account/password/", form | {"new_password1": "short", "new_password2": "short"}).status_code == 400
    assert pia.post("/account/password/", form).status_code == 303
    assert pia.get("/account/").status_code == 200 and elsewhere.get("/account/").status_code == 302
    assert Client().login(username="pia", password="another long one")


def test_who_came_by_a_link_sets_a_password_without_an_old_one(db: None) -> None:
    fresh, client = User.objects.create_user("fresh"), Client()
    client.get(login_links.link_for(fresh))
    assert "have no password yet" in text_of(client, "/account/")
    client.post("/account/password/", {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert Client().login(username="fresh", password=PASSWORD) and "Current password" in text_of(client, "/account/")


def test_guessing_the_old_password_is_bounded(pia: Client) -> None:
    form = {"old_password": "wrong", "new_password1": "another long one", "new_password2": "another long one"}
    codes = [pia.post("/account/password/", form).status_code for _ in range(throttle.MAX_TRIES + 1)]
    assert codes == [400] * throttle.MAX_TRIES + [429]


def test_a_token_is_shown_once_and_works_at_most_as_its_owner(otto: Client, workspace: Workspace) -> None:
    response = make(otto, workspace, "operator")
    secret = secret_in(response)
    assert response["Cache-Control"] == "no-store" and secret not in text_of(otto, "/account/tokens/")
    assert secret[:12] in text_of(otto, "/account/tokens/") and not ApiToken.objects.filter(digest=secret).exists()
    assert Api(workspace, secret).get("/executor/status").status == 200
    assert Event.objects.filter(verb="token.created", actor="otto").exists()
    for role in ("admin", "budget", "god", ""):
        assert make(otto, workspace, role).status_code == 400, role
    assert make(otto, None, "viewer").status_code == 400
    assert make(otto, seed.empty("Other"), "viewer").status_code == 400
    assert make(otto, workspace, "viewer", name="").status_code == make(otto, workspace, "viewer", expires="9").status_code == 400


def test_it_ends_with_what_its_owner_may(otto: Client, workspace: Workspace) -> None:
    secret = secret_in(make(otto, workspace, "operator"))
    mine = Membership.objects.filter(user__username="otto")
    for role, works in (("operator", True), ("viewer", False), ("budget", False), ("admin", True)):
        mine.update(role=role)
        assert (tokens.find(secret) is not None) is works, role
    mine.update(role="viewer")
    assert "no longer covers it" in text_of(otto, "/account/tokens/")
    mine.delete()
    assert tokens.find(secret) is None and Api(workspace, secret).get("/budget").status == 401


def test_it_ends_when_its_owner_may_not_log_in(otto: Client, workspace: Workspace) -> None:
    secret = secret_in(make(otto, workspace, "viewer"))
    User.objects.filter(username="otto").update(is_active=False)
    assert tokens.find(secret) is None
    User.objects.filter(username="otto").delete()
    assert not ApiToken.objects.exists()


def test_an_admin_of_everything_makes_one_for_all_while_they_are(ana: Client, workspace: Workspace) -> None:
    secret = secret_in(make(ana, None, "admin", expires=""))
    caller = tokens.find(secret)
    assert caller and caller.expires_at is None and caller.workspace is None
    User.objects.filter(username="ana").update(is_superuser=False)
    assert tokens.find(secret) is None


def test_a_token_is_revoked_by_its_owner_alone_with_a_question(otto: Client, vera: Client, workspace: Workspace) -> None:
    secret = secret_in(make(otto, workspace, "viewer"))
    address = f"/account/tokens/{ApiToken.objects.get().pk}/revoke/"
    assert vera.post(address, {"confirm": "revoke"}).status_code == 404
    assert otto.post(address).status_code == 409 and tokens.find(secret) is not None
    assert otto.post(address, {"confirm": "revoke"}).status_code == 303 and tokens.find(secret) is None


def test_when_it_was_used_is_known_to_within_an_hour(otto: Client, workspace: Workspace) -> None:
    secret = secret_in(make(otto, workspace, "viewer"))
    Api(workspace, secret).get("/budget")
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    Api(workspace, secret).get("/budget")
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=now() - timedelta(hours=2))
    Api(workspace, secret).get("/budget")
    assert ApiToken.objects.get().last_used_at > first


def test_tokens_of_others_and_of_the_server_are_not_listed(ana: Client, vera: Client, workspace: Workspace) -> None:
    tokens.create("machine token", role=Role.ADMIN)
    make(ana, workspace, "viewer", name="anas own")
    seen = text_of(vera, "/account/tokens/")
    assert "machine token" not in seen and "anas own" not in seen and "No tokens yet" in seen


def test_tries_are_bounded_and_answered_alike_whoever_there_is(pia: Client) -> None:
    def tries(name: str, address: str = "10.0.0.1") -> list[tuple[int, str]]:
        client, seen = Client(REMOTE_ADDR=address), []
        for _ in range(throttle.MAX_TRIES + 2):
            response = client.post("/login/", {"username": name, "password": "wrong"})
            seen.append((response.status_code, re.sub(r'value="[^"]*"', "", in_line(response.content.decode()))))
        return seen

    real, made_up = tries("pia"), tries("nobody")
    assert real == made_up and [code for code, _ in real] == [200] * throttle.MAX_TRIES + [429] * 2
    assert "Too many tries. Wait 15 minutes" in real[-1][1]
    right = Client(REMOTE_ADDR="10.0.0.1").post("/login/", {"username": "PIA ", "password": PASSWORD})
    assert right.status_code == 429 and int(right["Retry-After"]) > 800
    assert Client(REMOTE_ADDR="10.0.0.2").post("/login/", {"username": "pia", "password": PASSWORD}).status_code == 302
    FailedLogin.objects.update(since=now() - throttle.WINDOW - timedelta(seconds=1))
    assert Client(REMOTE_ADDR="10.0.0.1").post("/login/", {"username": "pia", "password": PASSWORD}).status_code == 302
    assert not FailedLogin.objects.filter(key=throttle._key("pia", "10.0.0.1")).exists()


def test_an_address_that_tries_many_names_is_slowed_and_locks_no_one_out(pia: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(throttle, "MAX_OF_ADDRESS", 20)
    monkeypatch.setattr(throttle.time, "sleep", slept.append)

    def tried(name: str, address: str, password: str = "wrong") -> int:
        return Client(REMOTE_ADDR=address).post("/login/", {"username": name, "password": password}).status_code

    assert [tried(f"name {n}", "10.0.0.9") for n in range(25)] == [200] * 25 and slept == [throttle.SLOW_S] * 5
    assert tried("pia", "10.0.0.9", PASSWORD) == 302 and tried("pia", "10.0.0.8", PASSWORD) == 302
    slept.clear()
    assert [tried(f"name {n}", f"2001:db8::{n}") for n in range(25)] == [200] * 25 and len(slept) == 5, (
        "one IPv6 network is one address"
    )
    monkeypatch.setattr(throttle, "_slowed", threading.BoundedSemaphore(1))
    with throttle._slowed:  # who is slowed takes few of the web server's threads
        assert tried("pia", "10.0.0.9", PASSWORD) == 429


def test_a_name_that_is_tried_from_many_addresses_is_stopped(pia: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_OF_NAME", 20)
    form = {"username": "pia", "password": "wrong"}
    codes = [Client(REMOTE_ADDR=f"10.0.1.{n}").post("/login/", form).status_code for n in range(25)]
    assert codes == [200] * 20 + [429] * 5


def test_an_office_that_logs_in_behind_one_address_is_let_in(pia: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(throttle, "MAX_OF_ADDRESS", 5)
    monkeypatch.setattr(throttle.time, "sleep", slept.append)
    for _ in range(12):
        form = {"username": "pia", "password": PASSWORD}
        assert Client(REMOTE_ADDR="10.0.0.7").post("/login/", form).status_code == 302
    assert slept == []  # and at full speed


def test_a_session_is_another_one_after_login_and_over_after_logout(pia: Client) -> None:
    client = Client()
    client.cookies["sessionid"] = "planted-by-somebody-else"
    client.post("/login/", {"username": "pia", "password": PASSWORD})
    mine = client.cookies["sessionid"].value
    assert mine != "planted-by-somebody-else" and client.get("/account/").status_code == 200
    client.post("/logout/")
    client.cookies["sessionid"] = mine
    assert client.get("/account/").status_code == 302


def test_a_session_that_began_before_our_backend_goes_on(pia: Client) -> None:
    old = Client()
    old.force_login(User.objects.get(username="pia"), backend="django.contrib.auth.backends.ModelBackend")
    assert old.get("/account/").status_code == 200


def test_who_is_not_logged_in_is_asked_to(db: None) -> None:
    for address in ("/account/", "/account/tokens/"):
        assert Client().get(address).status_code == 302
    assert Client().post("/account/preferences/", CHOSEN).status_code == 302


def test_the_pages_ask_few_queries_however_many_tokens(otto: Client, workspace: Workspace) -> None:
    few = statements(otto, "/account/tokens/")
    for n in range(20):
        make(otto, workspace, "viewer", name=f"t{n}")
    assert statements(otto, "/account/tokens/") <= few + 1 <= 12 and statements(otto, "/account/") <= 6
    assert len(re.findall(r"<[a-z]", text_of(otto, "/account/"))) < 1400


def test_an_admin_makes_tokens_of_every_role(workspace: Workspace) -> None:
    adam = client_of("adam", "admin", workspace)
    assert [role for role in Role if make(adam, workspace, role.value).status_code == 200] == list(Role)
