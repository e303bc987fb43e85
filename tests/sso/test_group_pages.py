"""An admin of a workspace gives groups of the provider roles, on the page of its members."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.sso.conftest import Browser
from tests.sso.provider import Provider
from workspaces.access import MUSTER
from workspaces.models import Event, Role, Workspace
from workspaces.people import members
from workspaces.sso.models import GroupRole

pytestmark = pytest.mark.django_db


def client_of(name: str, role: Role, workspace: Workspace) -> Client:
    person, client = User.objects.create_user(name), Client()
    members.add(workspace, person, role, by=MUSTER)
    client.force_login(person)
    return client


def at(workspace: Workspace, tail: str = "") -> str:
    return f"/w/{workspace.pk}/settings/members/{tail}"


def rows() -> list[tuple[str, str]]:
    return list(GroupRole.objects.values_list("group", "role"))


def test_an_admin_sets_changes_and_removes_the_role_of_a_group(provider: Provider, shop: Workspace) -> None:
    adam = client_of("adam", Role.ADMIN, shop)
    for role in ("viewer", "operator"):
        adam.post(at(shop, "groups/new/"), {"group": "payments-dev", "role": role, "next": at(shop)})
    assert rows() == [("payments-dev", "operator")] and b"payments-dev" in adam.get(at(shop)).content
    adam.post(at(shop, f"groups/{GroupRole.objects.get().pk}/remove/"), {"next": at(shop)})
    verbs = Event.objects.filter(verb__startswith="group.", actor="adam").order_by("id").values_list("verb", flat=True)
    assert rows() == [] and list(verbs) == ["group.role", "group.role", "group.removed"]


def test_other_roles_may_not(provider: Provider, shop: Workspace) -> None:
    olga = client_of("olga", Role.OPERATOR, shop)
    assert olga.post(at(shop, "groups/new/"), {"group": "x", "role": "admin"}).status_code == 403 and rows() == []
    assert client_of("adam", Role.ADMIN, shop).post(at(shop, "groups/99/remove/")).status_code == 404


@pytest.mark.parametrize(
    "form", [{}, {"group": "", "role": "viewer"}, {"group": "x" * 201, "role": "viewer"}, {"group": "x", "role": "owner"}]
)
def test_a_group_without_a_name_or_a_role_is_refused(provider: Provider, shop: Workspace, form: dict[str, str]) -> None:
    response = client_of("adam", Role.ADMIN, shop).post(at(shop, "groups/new/"), {**form, "next": at(shop)})
    assert response.status_code == 303 and rows() == []


def test_the_page_names_members_who_came_by_a_group(browser: Browser, provider: Provider, shop: Workspace) -> None:
    adam = client_of("adam", Role.ADMIN, shop)
    assert b"by group" not in adam.get(at(shop)).content
    adam.post(at(shop, "groups/new/"), {"group": "payments-dev", "role": "admin"})
    provider.person["groups"] = ["payments-dev"]
    browser.log_in()
    assert b"by group" in browser.get(at(shop)).content
