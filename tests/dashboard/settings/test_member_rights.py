"""Admins let others in and out of a workspace, and a question comes before the last admin goes."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.dashboard.seeds import entries as seed
from tests.factories import a_workspace
from workspaces import access
from workspaces.models import Event, Membership, Role, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    """Beside a workspace in which another person is an admin too."""
    other = a_workspace(name="Other")
    seed.user("eve", role="admin", workspace=other)
    seed.user("mia", role="admin", workspace=other)
    shop = a_workspace(name="Shop")
    seed.user("eve", role="admin", workspace=shop)
    return shop


def test_the_question_before_a_removal_names_the_last_admin_who_can_log_in(shop: Workspace) -> None:
    boss = Client()
    boss.force_login(seed.user("ana"))

    def points(name: str) -> list[str]:
        member = Membership.objects.get(user__username=name, workspace=shop)
        return list(boss.post(f"/w/{shop.pk}/settings/members/{member.pk}/remove/").context["confirmation"]["points"])

    seed.user("otto", role="operator", workspace=shop)
    assert "last admin" in points("eve")[0] and points("otto") == []
    seed.user("off", role="admin", workspace=shop)
    User.objects.filter(username="off").update(is_active=False)
    assert "last admin" in points("eve")[0]
    seed.user("adam", role="admin", workspace=shop)
    assert points("eve") == [] == points("adam")


def test_a_login_link_is_made_by_an_admin_of_the_server_for_who_may_log_in(shop: Workspace, otto: Client) -> None:
    boss, eve = Client(), Client()
    boss.force_login(seed.user("ana"))
    eve.force_login(seed.user("eve"))
    address = f"/w/{shop.pk}/settings/members/{Membership.objects.get(user__username='otto', workspace=shop).pk}"
    assert eve.post(f"{address}/link/").status_code == 403 == otto.post(f"{address}/link/").status_code
    shown = boss.post(f"{address}/link/")
    assert "/login/link/" in shown.context["link"] and shown["Cache-Control"] == "no-store"
    User.objects.filter(username="otto").update(is_active=False)
    assert boss.post(f"{address}/link/").status_code == 403


def test_a_role_that_stays_is_not_recorded_and_an_admin_of_the_server_who_leaves_stays_on_the_page(shop: Workspace) -> None:
    boss = Client()
    boss.force_login(seed.user("ana"))
    seed.user("ana", role="viewer", workspace=shop)
    member = Membership.objects.get(user__username="ana", workspace=shop)
    address = f"/w/{shop.pk}/settings/members/"
    boss.post(f"{address}{member.pk}/role/", {"role": "viewer"})
    assert not Event.objects.filter(verb="member.role").exists()
    left = boss.post(f"{address}{member.pk}/remove/", {"confirm": "remove", "next": address})
    assert left.headers["Location"] == address and access.of_user(seed.user("ana")).role_in(shop) == Role.ADMIN
    assert Event.objects.get(verb="member.removed").actor == "ana"
