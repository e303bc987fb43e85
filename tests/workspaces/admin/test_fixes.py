"""A fix shows what it would change, all of it or how much more, and changes exactly that; a token's form changes what a person typed."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils.timezone import now

from tests import admin_site
from tests.admin_site import a_superuser, dry_run, url
from tests.factories import ANA, a_workspace
from workspaces.access import of_user
from workspaces.admin import fixes
from workspaces.models import ApiToken, Event, Membership, Role, Workspace
from workspaces.people import members, tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return a_superuser()


def some_tokens(number: int, **more: Any) -> list[ApiToken]:
    workspace = Workspace.objects.first() or a_workspace()
    before = list(ApiToken.objects.values_list("pk", flat=True))
    for n in range(number):
        tokens.create(f"t{len(before) + n}", workspace=workspace, **more)
    return list(ApiToken.objects.exclude(pk__in=before).order_by("pk"))


def lines(shown: Any, name: str) -> list[tuple[str, str, str]]:
    return [(line.what, line.before, line.after) for line in shown.context[name]]


def test_live_tokens_are_revoked_and_others_are_kept_with_the_reason(client: Client) -> None:
    live, revoked, *_ = some_tokens(2)
    [of_session] = some_tokens(1, session_ref="sess_a")
    before = now() - timedelta(days=1)
    ApiToken.objects.filter(pk=revoked.pk).update(revoked_at=before)
    selected = [live.pk, revoked.pk, of_session.pk]
    shown = dry_run(client, ApiToken, "revoke", *selected)
    assert lines(shown, "changes") == [(str(live), "live", "revoked")]
    assert [line[0] for line in lines(shown, "kept")] == [str(revoked), str(of_session)]
    assert shown.context["ids"] == selected and not Event.objects.filter(verb="token.revoked").exists()
    admin_site.apply(client, ApiToken, "revoke", *selected, shown=shown, reason="leaked")
    times = dict(ApiToken.objects.values_list("pk", "revoked_at"))
    assert times[live.pk] is not None and (times[revoked.pk], times[of_session.pk]) == (before, None)
    assert Event.objects.filter(verb="token.revoked").count() == 1


def test_with_nothing_to_change_nothing_is_applied(client: Client) -> None:
    [token] = some_tokens(1)
    ApiToken.objects.update(revoked_at=now())
    shown = dry_run(client, ApiToken, "revoke", token.pk)
    answer = admin_site.apply(client, ApiToken, "revoke", token.pk, shown=shown, reason="x")
    assert answer.status_code == 200 and b"Revoked tokens" not in answer.content


def test_what_does_not_fit_on_the_page_is_counted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixes, "SAMPLE", 2)
    live, revoked = some_tokens(3), some_tokens(4)
    ApiToken.objects.filter(pk__in=[token.pk for token in revoked]).update(revoked_at=now())

    def shown(*selected: ApiToken) -> tuple[int, int, int, int]:
        context = dry_run(client, ApiToken, "revoke", *(token.pk for token in selected)).context
        return len(context["changes"]), context["changes_more"], len(context["kept"]), context["kept_more"]

    assert shown(*live, *revoked) == (2, 1, 2, 2)
    assert shown(*live[:2], *revoked[:1]) == (2, 0, 1, 0) and shown(*live) == (2, 1, 0, 0)


def test_more_than_so_many_at_once_are_refused_and_not_cut(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixes.Fix, "most", 2)
    three = [token.pk for token in some_tokens(3)]
    answer = client.post(url(ApiToken), {"action": "revoke", "_selected_action": three}, follow=True)
    assert b"select at most 2 at once. Nothing was changed." in answer.content
    assert len(dry_run(client, ApiToken, "revoke", *three[:2]).context["changes"]) == 2


def test_members_who_are_selected_are_shown_with_their_role_and_one_that_changed_meanwhile_is_shown_again(client: Client) -> None:
    mine, other = a_workspace(name="Mine"), a_workspace(name="Other")
    bea = User.objects.create_user("bea")
    member = members.add(mine, bea, Role.VIEWER, by=ANA)
    members.add(other, bea, Role.ADMIN, by=ANA)
    shown = dry_run(client, Membership, "remove", member.pk)
    assert lines(shown, "changes") == [("bea in Mine", "viewer", "not a member")]
    members.set_role(member, Role.BUDGET, by=ANA)
    again = admin_site.apply(client, Membership, "remove", member.pk, shown=shown, reason="left")
    assert b"The data changed since this page was shown" in again.content and Membership.objects.count() == 2
    assert lines(again, "changes") == [("bea in Mine", "budget", "not a member")]
    admin_site.apply(client, Membership, "remove", member.pk, shown=again, reason="left")
    assert Membership.objects.get().workspace == other


def test_a_token_is_live_until_it_is_over(client: Client) -> None:
    page, day = admin.site.get_model_admin(ApiToken), timedelta(days=1)
    for n, (ends, revoked) in enumerate(
        ((None, None), (now() + day, None), (now() - day, None), (None, now()), (now() + day, now()))
    ):
        ApiToken.objects.create(name=str(n), digest=str(n), expires_at=ends, revoked_at=revoked)
    rows = page.get_queryset(RequestFactory().get("/")).order_by("pk")
    assert [page.is_live(row) for row in rows] == [True, True, False, False, False]  # type: ignore[attr-defined]


def form(token: ApiToken, **change: str) -> dict[str, str]:
    """The token's form as it was shown, with what was typed."""
    day = token.expires_at
    parts = {"expires_at_0": f"{day:%Y-%m-%d}" if day else "", "expires_at_1": f"{day:%H:%M:%S}" if day else ""}
    shown = {"name": token.name, "initial-name": token.name} | parts | {f"initial-{name}": value for name, value in parts.items()}
    return shown | {"reason": "asked"} | change


def test_the_form_of_a_token_changes_what_was_typed_and_leaves_what_others_changed(client: Client) -> None:
    [token] = some_tokens(1)
    until = (now() + timedelta(days=9)).replace(microsecond=0)
    ApiToken.objects.filter(pk=token.pk).update(expires_at=until, name="renamed meanwhile")
    client.post(url(ApiToken, "change", token.pk), form(token, expires_at_0="2099-01-01", expires_at_1="00:00:00"))
    row = ApiToken.objects.get()
    assert (row.name, row.expires_at and row.expires_at.year) == ("renamed meanwhile", 2099)
    shown = form(row)
    ApiToken.objects.filter(pk=token.pk).update(expires_at=until)
    client.post(url(ApiToken, "change", token.pk), shown | {"name": "ci"})
    row = ApiToken.objects.get()
    assert (row.name, row.expires_at) == ("ci", until)


def test_a_token_that_is_over_can_be_given_another_name(client: Client) -> None:
    [token] = some_tokens(1)
    ApiToken.objects.update(expires_at=(now() - timedelta(days=1)).replace(microsecond=0))
    token.refresh_from_db()
    client.post(url(ApiToken, "change", token.pk), form(token, name="of last year"))
    assert ApiToken.objects.get().name == "of last year"


def test_a_new_token_ends_when_it_was_wanted_to(client: Client) -> None:
    workspace = a_workspace()
    fields = {"name": "ci", "role": "operator", "workspace": workspace.pk, "reason": "x"}
    client.post(url(ApiToken, "add"), fields | {"expires_at_0": "2099-01-01", "expires_at_1": "00:00"})
    token = ApiToken.objects.get()
    assert (token.expires_at and token.expires_at.year, token.role, token.workspace) == (2099, "operator", workspace)


def test_a_new_person_is_an_admin_of_the_server_only_if_that_was_ticked(client: Client) -> None:
    a_workspace()
    client.post(url(User, "add"), {"username": "eve", "is_superuser": "on", "reason": "runs it"})
    client.post(url(User, "add"), {"username": "adam", "reason": "helps"})
    created = User.objects.filter(username__in=["eve", "adam"]).order_by("username")
    assert [(person.username, person.is_superuser, of_user(person).everywhere) for person in created] == [
        ("adam", False, False), ("eve", True, True)]  # fmt: skip
