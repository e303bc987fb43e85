"""People on the admin site: who may log in and who is an admin of the server, by verbs, with a reason, and never deleted."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connections
from django.test import Client

from tests.admin_site import BOSS, a_superuser, message_of, url
from tests.factories import ANA, a_workspace
from workspaces.access import of_user
from workspaces.errors import Invalid
from workspaces.models import Event, Role
from workspaces.people import logins, members

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return a_superuser()


def form(person: User, **change: str | bool) -> dict[str, str]:
    """The person's form as it was shown, with what its author changed."""
    shown: dict[str, str] = {"reason": "she asked"}
    for name in ("first_name", "last_name", "email", "is_active", "is_superuser"):
        now = getattr(person, name)
        shown[f"initial-{name}"] = str(now)
        expected = change.get(name, now)
        if expected is not False:
            shown[name] = "on" if expected is True else str(expected)
    return shown


def events() -> list[tuple[str, str, str]]:
    return list(Event.objects.filter(verb__startswith="person.").order_by("id").values_list("verb", "actor", "reason"))


def test_a_new_person_has_no_password_and_is_recorded(client: Client) -> None:
    a_workspace()
    answer = client.post(url(User, "add"), {"username": "bea", "reason": "joins the team"})
    assert answer.status_code == 302
    bea = User.objects.get(username="bea")
    assert not bea.has_usable_password() and not bea.is_superuser
    assert events() == [("person.made", BOSS, "joins the team")]


def test_a_name_that_is_taken_is_refused_and_not_a_crash(client: Client) -> None:
    User.objects.create_user("bea")
    for name in ("bea", "", "no good name", "a" * 200):
        assert client.post(url(User, "add"), {"username": name, "reason": "x"}).status_code == 200
    assert User.objects.count() == 2 and events() == []


def test_whoever_is_shut_out_has_no_page_any_more(client: Client) -> None:
    workspace, bea = a_workspace(), User.objects.create_user("bea")
    members.add(workspace, bea, Role.ADMIN, by=ANA)
    hers = Client()
    hers.force_login(bea)
    client.post(url(User, "change", bea.pk), form(bea, is_active=False))
    assert hers.get(f"/w/{workspace.pk}/").status_code == 302
    assert events() == [("person.shut_out", BOSS, "she asked")]


def test_an_admin_of_the_server_is_made_and_unmade_on_record_everywhere(client: Client) -> None:
    item, two, bea = a_workspace(), a_workspace(), User.objects.create_user("bea")
    client.post(url(User, "change", bea.pk), form(bea, is_superuser=True))
    bea.refresh_from_db()
    assert bea.is_superuser
    assert set(Event.objects.values_list("workspace", "verb")) >= {(w.pk, "person.server_admin") for w in (item, two)}
    client.post(url(User, "change", bea.pk), form(bea, is_superuser=False))
    bea.refresh_from_db()
    assert not bea.is_superuser


@pytest.mark.parametrize("change", [{"is_superuser": False}, {"is_active": False}])
def test_the_last_admin_of_the_server_stays_one(client: Client, change: dict[str, bool]) -> None:
    a_workspace()
    boss = User.objects.get(username=BOSS)
    answer = client.post(url(User, "change", boss.pk), form(boss, **change))
    assert "last admin of this server" in message_of(answer)
    boss.refresh_from_db()
    assert boss.is_superuser and boss.is_active and events() == []


def test_two_admins_who_take_it_from_each_other_at_once_leave_one(transactional_db: None) -> None:
    people = [User.objects.create_superuser(name) for name in ("ana", "bea")]

    def unmake(number: int) -> bool:
        try:
            logins.change(people[number], {"is_superuser": False}, by=of_user(people[1 - number]), reason="r")
        except Invalid:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as hands:
        assert sorted(hands.map(unmake, (0, 1))) == [False, True]
    assert User.objects.filter(is_superuser=True).count() == 1


def test_people_are_never_deleted_and_get_no_password(client: Client) -> None:
    bea = User.objects.create_user("bea", password="y" * 12)
    assert client.post(url(User, "delete", bea.pk), {"post": "yes"}).status_code == 403
    client.post(url(User), {"action": "delete_selected", "_selected_action": [bea.pk], "post": "yes"})
    client.post(url(User, "change", bea.pk), form(bea) | {"password": "mine", "username": "boss2", "is_staff": "on"})
    client.post(f"/admin/auth/user/{bea.pk}/password/", {"password1": "z" * 12, "password2": "z" * 12})
    bea.refresh_from_db()
    assert bea.check_password("y" * 12) and bea.username == "bea" and not bea.is_staff


def test_there_are_no_groups() -> None:
    assert not admin.site.is_registered(Group)


def test_a_form_of_a_person_that_was_open_for_long_changes_only_what_was_typed(client: Client) -> None:
    a_workspace()
    bea = User.objects.create_user("bea", first_name="Bea")
    shown = form(bea, email="bea@example.com")
    User.objects.filter(pk=bea.pk).update(first_name="Beate", is_active=False)
    client.post(url(User, "change", bea.pk), shown)
    bea.refresh_from_db()
    assert (bea.first_name, bea.email, bea.is_active) == ("Beate", "bea@example.com", False)
    assert events() == [("person.renamed", BOSS, "she asked")]
