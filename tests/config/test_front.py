"""The web side of starting: login links, health, and which handler a request gets."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils.timezone import now

from config import asgi
from workspaces.people import login_links


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_superuser("owner")


def test_a_login_link_logs_in_once(owner: User) -> None:
    link = login_links.link_for(owner)
    first, second = Client(), Client()
    assert first.get(link).url == "/"
    assert first.session["_auth_user_id"] == str(owner.pk)
    answer = second.get(link)
    assert answer.status_code == 410
    assert "./muster manage login_link" in answer.content.decode()
    assert "_auth_user_id" not in second.session


def test_a_link_made_in_the_second_of_a_login_dies_with_its_use(owner: User) -> None:
    Client().get(login_links.link_for(owner))
    owner.refresh_from_db()
    link = login_links.link_for(owner)
    assert [Client().get(link).status_code for _ in range(2)] == [302, 410]


@pytest.mark.parametrize(("more", "status"), [(-10, 302), (5, 410)])
def test_a_link_is_over_after_an_hour(owner: User, monkeypatch: pytest.MonkeyPatch, more: int, status: int) -> None:
    link = login_links.link_for(owner)
    later = login_links.LinkTokens._now(login_links._tokens) + timedelta(seconds=login_links.VALID_S + more)
    monkeypatch.setattr(login_links.LinkTokens, "_now", lambda self: later)
    assert Client().get(link).status_code == status


def test_a_link_of_a_disabled_user_is_over(owner: User) -> None:
    link = login_links.link_for(owner)
    User.objects.update(is_active=False)
    assert Client().get(link).status_code == 410


@pytest.mark.parametrize("token", ["x", "1.", ".", "1.a-b", "zzzzzzzzzzzzzzzzz.a-b", "1.dik15g-0000"])
def test_a_made_up_link_is_over(owner: User, token: str) -> None:
    assert Client().get(f"/login/link/{token}/").status_code == 410


def test_a_password_login_ends_the_links_before_it(owner: User) -> None:
    link = login_links.link_for(owner)
    User.objects.filter(pk=owner.pk).update(last_login=now())
    assert Client().get(link).status_code == 410


def test_login_link_names_the_way_in(owner: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("login_link")
    link = capsys.readouterr().out.strip()
    assert Client().get(link.removeprefix("http://127.0.0.1:8765")).status_code == 302
    gone, ana = (User.objects.create_user(name) for name in ("gone", "ana"))
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for name in ("gone", "nowhere"):
        with pytest.raises(CommandError, match=f"There is no active user '{name}'"):
            call_command("login_link", name)
    call_command("login_link", "ana")
    client = Client()
    client.get(capsys.readouterr().out.strip().removeprefix("http://127.0.0.1:8765"))
    assert client.session["_auth_user_id"] == str(ana.pk)
    User.objects.filter(is_superuser=True).update(is_active=False)
    with pytest.raises(CommandError, match="There is no active superuser"):
        call_command("login_link")


@pytest.mark.django_db
def test_bootstrap_makes_one_owner_who_has_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        call_command("bootstrap")
    assert capsys.readouterr().out.count('"password_set": false') == 2
    assert [(user.username, user.has_usable_password()) for user in User.objects.all()] == [("owner", False)]


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz"])
def test_a_probe_comes_with_any_host(client: Client, db: None, path: str) -> None:
    assert [client.get(path, headers={"host": host}).status_code for host in ("10.1.2.3:8765", "web", "")] == [200] * 3
    assert client.get("/", headers={"host": "10.1.2.3"}).status_code == 400


def test_that_it_lives_needs_no_database(client: Client) -> None:
    """pytest-django refuses a query here."""
    assert client.get("/livez").content == b"ok\n"


def test_health_needs_the_database_and_reveals_nothing(client: Client, db: None) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.parametrize(
    ("path", "headers", "is_async"),
    [
        ("/w/abc/events/", [], True),
        ("/api/v1/workspaces/abc/orchestration/events", [], True),
        ("/w/abc/events/more/", [], False),
        ("/api/v1/workspaces/abc/orchestration/todo/events", [], False),
        ("/", [], False),
        ("/", [(b"transfer-encoding", b"chunked")], True),
    ],
)
def test_streams_and_bodies_without_length_take_the_async_handler(path: str, headers: list, is_async: bool) -> None:
    assert asgi._needs_async({"path": path, "headers": headers}) == is_async
