"""The members of a workspace are added, changed and removed by its admins, one of whom always stays."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard.settings import members
from tests.dashboard.conftest import client_of
from tests.dashboard.overview.test_page import in_line, statements, text_of
from tests.dashboard.seeds import entries as seed
from tests.dashboard.seeds.money_cast import HTMX
from workspaces.models import Event, Membership, Workspace


def at(workspace: Workspace, tail: str = "") -> str:
    return f"/w/{workspace.pk}/settings/members/{tail}"


def role_of(name: str, workspace: Workspace) -> str | None:
    return Membership.objects.filter(user__username=name, workspace=workspace).values_list("role", flat=True).first()


def member(name: str, workspace: Workspace) -> Membership:
    return Membership.objects.get(user__username=name, workspace=workspace)


def test_an_admin_adds_changes_and_removes(workspace: Workspace) -> None:
    adam, next_ = client_of("adam", "admin", workspace), {"next": at(workspace)}
    User.objects.create_user("zoe")
    adam.post(at(workspace, "new/"), {"name": "zoe", "role": "viewer"} | next_)
    assert role_of("zoe", workspace) == "viewer" and "zoe" in text_of(adam, at(workspace))
    adam.post(at(workspace, f"{member('zoe', workspace).pk}/role/"), {"role": "budget"} | next_)
    assert role_of("zoe", workspace) == "budget"
    confirmation = adam.post(at(workspace, f"{member('zoe', workspace).pk}/remove/"), next_)
    assert (
        confirmation.status_code == 409 and "Remove zoe?" in in_line(confirmation.content.decode()) and role_of("zoe", workspace)
    )
    adam.post(at(workspace, f"{member('zoe', workspace).pk}/remove/"), {"confirm": "remove"} | next_)
    assert role_of("zoe", workspace) is None
    verbs = list(Event.objects.filter(verb__startswith="member.", actor="adam").order_by("id").values_list("verb", flat=True))
    assert verbs == ["member.added", "member.role", "member.removed"]
    assert "changed the role of zoe from viewer to budget" in text_of(adam, f"/w/{workspace.pk}/", fragment="activity")


def test_the_last_admin_stays(workspace: Workspace) -> None:
    adam = client_of("adam", "admin", workspace)
    mine = member("adam", workspace)
    for verb, form in (("role", {"role": "viewer"}), ("remove", {"confirm": "remove"})):
        response = adam.post(at(workspace, f"{mine.pk}/{verb}/"), form, headers=HTMX)
        assert response.status_code == 422 and "last admin" in in_line(response.content.decode())
    client_of("eve", "admin", workspace)
    left = adam.post(at(workspace, f"{mine.pk}/remove/"), {"confirm": "remove"}, follow=True)
    assert left.redirect_chain[-1][0] == "/" and role_of("adam", workspace) is None


def test_only_those_who_can_log_in_are_added(workspace: Workspace) -> None:
    adam = client_of("adam", "admin", workspace)
    User.objects.create_user("gone", is_active=False)
    for name in ("nobody", "gone", "", "x" * 500, "a\x00b", "adam"):
        response = adam.post(at(workspace, "new/"), {"name": name, "role": "viewer"}, headers=HTMX)
        assert response.status_code == 422, name
    assert adam.post(at(workspace, "new/"), {"name": "vera", "role": "god"}, headers=HTMX).status_code == 422
    assert adam.post(at(workspace, "new/"), {"name": "fresh", "role": "viewer", "create": "1"}).status_code == 403
    assert not User.objects.filter(username="fresh").exists()


def test_a_superuser_makes_a_person_whose_link_is_shown_once(ana: Client, workspace: Workspace) -> None:
    response = ana.post(at(workspace, "new/"), {"name": "fresh", "role": "operator", "create": "1"})
    link = re.search(r"http://testserver(/login/link/[^<]+)<", in_line(response.content.decode()))
    assert link and response["Cache-Control"] == "no-store" and "/login/link/" not in text_of(ana, at(workspace))
    fresh = Client()
    assert fresh.get(link[1]).status_code == 302 and "Invoices" in text_of(fresh, "/")
    assert Client().get(link[1]).status_code == 410
    again = ana.post(at(workspace, f"{member('fresh', workspace).pk}/link/"))
    assert "/login/link/" in in_line(again.content.decode())


def test_an_invalid_name_creates_no_user(ana: Client, workspace: Workspace) -> None:
    response = ana.post(at(workspace, "new/"), {"name": "no spaces <b>", "role": "viewer", "create": "1"}, headers=HTMX)
    assert response.status_code == 422 and not User.objects.filter(username__contains="spaces").exists()


def test_others_see_the_members_and_change_nothing(vera: Client, otto: Client, bea: Client, workspace: Workspace) -> None:
    row = member("vera", workspace)
    for client in (vera, otto, bea):
        seen = text_of(client, at(workspace))
        assert "vera" in seen and "Permissions of each role" in seen and "<select" not in seen and "Remove" not in seen
        for tail, form in (
            ("new/", {"name": "nils", "role": "admin"}),
            (f"{row.pk}/role/", {"role": "admin"}),
            (f"{row.pk}/remove/", {"confirm": "remove"}),
        ):
            assert client.post(at(workspace, tail), form).status_code == 403
    assert role_of("vera", workspace) == "viewer"


def test_a_member_of_another_workspace_is_not_here(ana: Client, workspace: Workspace) -> None:
    other = seed.empty("Other")
    seed.user("olga", role="viewer", workspace=other)
    for verb in ("role", "remove", "link"):
        assert ana.post(at(workspace, f"{member('olga', other).pk}/{verb}/"), {"role": "admin"}).status_code == 404
    assert ana.post(at(workspace, f"{10**17}/remove/")).status_code == 404


def test_many_members_cost_no_query_more(ana: Client, vera: Client, workspace: Workspace) -> None:
    few = statements(ana, at(workspace))
    for n in range(30):
        seed.user(f"m{n}", role="viewer", workspace=workspace)
    assert statements(ana, at(workspace)) == few <= 12


def test_members_beyond_the_first_page_are_on_the_next(
    ana: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MAX_MEMBERS", 2)
    for name in ("m1", "m2", "m3"):
        seed.user(name, role="viewer", workspace=workspace)
    names, after = [], ""
    while True:
        page = ana.get(at(workspace), {"after": after})
        names += [each.user.get_username() for each in page.context["members"]]
        after = page.context["after"]
        assert f"{page.context['everybody']} people have access" in page.content.decode()
        if not after:
            break
    assert names == sorted(names) and {"m1", "m2", "m3"} <= set(names) and len(names) == page.context["everybody"]
