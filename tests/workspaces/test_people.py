"""Membership decides what a person sees and does; changes of people, tokens, views and marks have a bound and a line of activity."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now

from tests.factories import ANA, a_workspace
from workspaces import access
from workspaces.access import Need, of_user
from workspaces.errors import Forbidden, Invalid, NotFound
from workspaces.models import ApiToken, Event, QueueMark, Role, Workspace
from workspaces.people import login_links, logins, members, preferences, queue_marks, saved_views, tokens

pytestmark = pytest.mark.django_db


def person(name: str = "bea", **roles: Workspace) -> User:
    """With a role in each of these workspaces."""
    user = User.objects.create_user(name)
    for role, workspace in roles.items():
        members.add(workspace, user, Role(role), by=ANA)
    return user


def last(verb: str) -> Event:
    return Event.objects.filter(verb=verb).latest("id")


def test_a_person_sees_the_workspaces_that_they_belong_to_with_their_own_role() -> None:
    mine, other, gone = a_workspace(name="Mine"), a_workspace(name="Other"), a_workspace(name="Gone")
    bea, zoe = of_user(person(viewer=mine, operator=gone)), of_user(person("zoe", admin=mine))
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    assert list(access.workspaces_for(bea)) == [mine]
    assert (bea.role_in(mine), zoe.role_in(mine), bea.role_in(other)) == (Role.VIEWER, Role.ADMIN, None)
    assert access.workspace_and_role(bea, mine.pk) == (mine, Role.VIEWER)
    assert bea.may(Need.VIEW, mine) and not bea.may(Need.OPERATE, mine) and not bea.may(Need.VIEW, other)
    with pytest.raises(Forbidden, match="The role viewer may not run the executor"):
        access.workspace_for(bea, mine.pk, Need.OPERATE)
    for unseen in (other.pk, gone.pk, "ws_nowhere", "no id"):
        with pytest.raises(NotFound):
            access.workspace_for(bea, unseen)


def test_an_admin_of_the_server_sees_every_workspace_that_is_there_newest_first() -> None:
    boss = of_user(User.objects.create_superuser("boss"))
    first, second, gone = a_workspace(name="First"), a_workspace(name="Second"), a_workspace(name="Gone")
    Workspace.objects.filter(pk=first.pk).update(created_at=now() - timedelta(days=1))
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    assert list(access.workspaces_for(boss)) == [second, first]
    assert access.workspace_and_role(boss, first.pk, Need.ADMIN)[1] == Role.ADMIN
    with pytest.raises(NotFound):
        access.workspace_for(boss, gone.pk)
    access.check_may_create(boss)
    staff = of_user(User.objects.create_user("staff", is_staff=True))  # Django's mark, which grants nothing here
    assert list(access.workspaces_for(staff)) == [] and staff.role_in(first) is None
    for refused in (of_user(person()), staff, access.MUSTER):
        with pytest.raises(Forbidden):
            access.check_may_create(refused)
    assert access.MUSTER.role_in(first) is None and not access.MUSTER.is_human and boss.is_human


def test_a_check_of_access_runs_nothing_behind_it() -> None:
    mine, other, ran = a_workspace(), a_workspace(name="Other"), list[str]()
    bea = of_user(person(viewer=mine))

    def operation(workspace_id: str, need: Need = Need.VIEW) -> None:
        access.workspace_for(bea, workspace_id, need)
        ran.append("the rest")

    access.check(lambda: operation(mine.pk))
    assert ran == []
    for workspace, need, refusal in ((other, Need.VIEW, NotFound), (mine, Need.ADMIN, Forbidden)):
        with pytest.raises(refusal):
            access.check(lambda workspace=workspace, need=need: operation(workspace.pk, need))
    operation(mine.pk)
    assert ran == ["the rest"]


def test_another_name_of_a_workspace_is_recorded_in_it_alone() -> None:
    workspace, other = a_workspace(name="Shop"), a_workspace(name="Other")
    members.rename(workspace, "Store", by=ANA, reason="moved")
    event = last("workspace.renamed")
    assert (event.workspace_id, event.object_id, event.reason, event.actor) == (workspace.pk, workspace.pk, "moved", ANA.name)
    assert event.data == {"before": "Shop", "after": "Store"}
    assert set(Workspace.objects.values_list("name", flat=True)) == {"Store", other.name} and workspace.name == "Store"


def test_changes_of_members_name_the_person_and_the_reason() -> None:
    workspace, zoe = a_workspace(), person("zoe")
    row = members.add(workspace, zoe, Role.VIEWER, by=ANA, reason="joins")
    with pytest.raises(Invalid, match="zoe is a member already"):
        members.add(workspace, zoe, Role.ADMIN, by=ANA)
    members.set_role(row, Role.BUDGET, by=ANA, reason="pays")
    members.remove(row, by=ANA, reason="leaves")
    events = Event.objects.filter(verb__startswith="member.").order_by("id")
    assert [(event.object_id, event.reason) for event in events] == [(str(zoe.pk), why) for why in ("joins", "pays", "leaves")]
    assert events[1].data == {"user": "zoe", "before": "viewer", "after": "budget"}
    for change in (lambda: members.remove(row, by=ANA), lambda: members.set_role(row, Role.ADMIN, by=ANA)):
        with pytest.raises(NotFound):
            change()


def test_an_admin_of_the_server_may_take_away_the_last_admin_of_a_workspace() -> None:
    workspace = a_workspace()
    row = members.add(workspace, person(), Role.ADMIN, by=ANA)
    with pytest.raises(Invalid, match="last admin"):
        members.set_role(row, Role.VIEWER, by=of_user(row.user))
    assert members.set_role(row, Role.ADMIN, by=of_user(row.user)).role == "admin"
    members.set_role(row, Role.VIEWER, by=of_user(User.objects.create_superuser("boss")))


def test_who_may_log_in_is_recorded_in_the_persons_workspaces_and_a_server_admin_in_all() -> None:
    mine, other, gone = a_workspace(), a_workspace(name="Other"), a_workspace(name="Gone")
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    bea, boss = person(viewer=mine), User.objects.create_superuser("boss")
    logins.change(bea, {"is_active": False}, by=ANA, reason="left")
    logins.change(bea, {"is_active": True, "email": "bea@example.com"}, by=ANA, reason="is back")
    members.add(mine, boss, Role.ADMIN, by=ANA)
    User.objects.create_superuser("second")
    logins.change(boss, {"is_active": False}, by=ANA, reason="left too")
    logins.change(bea, {"is_superuser": True}, by=ANA, reason="helps")
    places = [(event.verb, event.workspace_id) for event in Event.objects.filter(verb__startswith="person.").order_by("id")]
    assert places[:3] == [("person.shut_out", mine.pk), ("person.let_in", mine.pk), ("person.renamed", mine.pk)]
    assert sorted(places[3:]) == sorted(
        (verb, workspace.pk) for verb in ("person.shut_out", "person.server_admin") for workspace in (mine, other)
    )
    assert last("person.server_admin").reason == "helps" and last("person.server_admin").object_id == str(bea.pk)


def test_what_does_not_change_is_not_recorded_and_the_last_admin_may_change_the_rest() -> None:
    a_workspace()
    boss, bea = User.objects.create_superuser("boss"), person()
    logins.change(boss, {"is_active": True, "is_superuser": True, "email": ""}, by=ANA, reason="none")
    assert not Event.objects.filter(verb__startswith="person.").exists()
    logins.change(boss, {"email": "boss@example.com", "is_active": True}, by=ANA, reason="new address")
    assert User.objects.get(pk=boss.pk).email == "boss@example.com"
    with pytest.raises(Invalid, match="last admin of this server"):
        logins.change(boss, {"is_superuser": False}, by=ANA, reason="steps back")
    User.objects.filter(pk=boss.pk).update(is_active=False)
    logins.change(bea, {"is_active": False}, by=ANA, reason="left")
    logins.change(boss, {"is_superuser": False}, by=ANA, reason="could not log in anyway")


def test_a_new_person_may_be_an_admin_of_the_server_at_once() -> None:
    workspace = a_workspace()
    eve = logins.create("eve", admin=True, by=ANA, reason="runs it")
    assert User.objects.get(pk=eve.pk).is_superuser and not eve.has_usable_password()
    lines = Event.objects.filter(workspace=workspace, verb__startswith="person.").order_by("id").values_list("verb", "reason")
    assert list(lines) == [("person.made", "runs it"), ("person.server_admin", "runs it")]
    assert not logins.create("adam", admin=False, by=ANA, reason="x").is_superuser


def test_the_owner_of_the_server_is_its_first_admin_who_may_log_in() -> None:
    assert login_links.owner() is None and not login_links.any_password_set()
    first, second = (User.objects.create_superuser(name) for name in ("first", "second"))
    person("plain")
    assert login_links.owner() == first
    User.objects.filter(pk=first.pk).update(is_active=False)
    assert login_links.owner() == second
    first.set_password("y" * 12)
    first.save()
    User.objects.filter(pk=first.pk).update(is_active=False)
    assert not login_links.any_password_set()
    User.objects.filter(pk=first.pk).update(is_active=True)
    assert login_links.any_password_set()


def test_places_and_utc_are_time_zones_and_old_names_are_none() -> None:
    assert {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"} <= preferences.zones()
    assert not preferences.zones() & {"US/Pacific", "Etc/GMT+5", "CET", "Europe", "localtime", "posix/Europe/Berlin"}


def test_a_person_has_fifty_live_tokens_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_OWN", 2)
    workspace = a_workspace()
    bea = of_user(person(viewer=workspace))

    def make(name: str, by: access.Caller = bea) -> ApiToken:
        return tokens.make_own(name, role=Role.VIEWER, workspace=workspace, expires_at=None, by=by)[0]

    first, _ = make("one"), make("two")
    with pytest.raises(Invalid, match="You have 2 tokens"):
        make("three")
    make("of another", of_user(person("zoe", viewer=workspace)))
    tokens.revoke(first, by=bea, reason="lost")
    assert make("three").owner_id == bea.user.pk
    assert [token.name for token in tokens.list_own(bea.user)] == ["three", "two", "one"]
    tokens.list_own(bea.user).filter(name="two").update(expires_at=now() - timedelta(days=1))
    assert make("four")  # one that has expired takes no place


def test_a_token_is_changed_and_revoked_on_record_and_one_of_all_in_each_workspace() -> None:
    mine, other, gone = a_workspace(), a_workspace(name="Other"), a_workspace(name="Gone")
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    token, secret = tokens.issue("ci", role=Role.ADMIN, workspace=None, expires_at=None, by=ANA, reason="for ci")
    until = now() + timedelta(days=1)
    tokens.change(token, name="ci 2", expires_at=until, by=ANA, reason="another year")
    tokens.revoke(token, by=ANA, reason="leaked")
    lines = Event.objects.filter(verb__startswith="token.").order_by("id").values_list("verb", "reason", "workspace_id")
    verbs = {"token.created": "for ci", "token.changed": "another year", "token.revoked": "leaked"}
    assert sorted(lines) == sorted((verb, why, workspace.pk) for verb, why in verbs.items() for workspace in (mine, other))
    event = last("token.changed")
    assert event.data == {"name": "ci 2", "prefix": token.prefix, "role": "admin", "expires_at": until.isoformat()}
    assert event.object_id == token.prefix == secret[:12] and ApiToken.objects.get().expires_at == until
    assert tokens.find(secret) is None
    for again in (
        lambda: tokens.revoke(token, by=ANA, reason="x"),
        lambda: tokens.change(token, name="y", expires_at=None, by=ANA, reason="x"),
    ):
        with pytest.raises(Invalid, match="revoked already"):
            again()


def test_a_sessions_token_stays_as_it_is_until_its_own_session_ends() -> None:
    secret = tokens.create("agent", workspace=a_workspace(), session_ref="sess_a")
    with pytest.raises(Invalid, match="It belongs to a session"):
        tokens.revoke(ApiToken.objects.get(), by=ANA, reason="x")
    tokens.end_session("sess_b")
    assert tokens.find(secret) is not None


def test_a_workspace_has_so_many_views_and_another_ones_are_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MAX_VIEWS", 2)
    mine, other = a_workspace(), a_workspace(name="Other")
    saved_views.save(other, "First", "", by=ANA)
    view = saved_views.save(mine, "Stuck", "status=blocked", by=ANA)
    second = saved_views.save(mine, "Two", "", by=of_user(person()))
    assert (view.created_by, second.created_by, second.name, view.query) == (ANA.name, "bea", "Two", "status=blocked")
    with pytest.raises(Invalid, match="at most 2 views"):
        saved_views.save(mine, "Three", "", by=ANA)
    saved_views.save(other, "Stuck", "", by=ANA)
    for change in (
        lambda: saved_views.rename(other.pk, view.pk, "Mine", by=ANA),
        lambda: saved_views.delete(other.pk, view.pk, by=ANA),
    ):
        with pytest.raises(NotFound):
            change()
    with pytest.raises(Invalid, match="a view of that name"):
        saved_views.rename(mine.pk, second.pk, "Stuck", by=ANA)
    saved_views.rename(mine.pk, view.pk, "Blocked", by=ANA)
    assert saved_views.delete(mine.pk, view.pk, by=ANA).name == "Blocked"
    events = Event.objects.filter(verb__startswith="view.", workspace=mine).order_by("id").values_list("verb", "data")
    assert list(events) == [
        ("view.saved", {"name": "Stuck", "query": "status=blocked"}),
        ("view.saved", {"name": "Two", "query": ""}),
        ("view.renamed", {"name": "Blocked", "before": "Stuck"}),
        ("view.deleted", {"name": "Blocked", "query": "status=blocked"}),
    ]
    assert list(saved_views.SavedView.objects.order_by("id").values_list("name", flat=True)) == ["First", "Two", "Stuck"]


def test_the_oldest_marks_of_a_person_go_and_those_of_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_marks, "MAX_MARKS", 2)
    bea, zoe = person(), person("zoe")
    queue_marks.read(zoe, ["of zoe"])
    queue_marks.read(bea, ["a", "b"])
    queue_marks.put_aside(bea, "c", now())
    assert set(queue_marks.of(bea)) == {"b", "c"} and set(queue_marks.of(zoe)) == {"of zoe"}
    queue_marks.read(bea, ["c", "d"])
    marks = queue_marks.of(bea)
    assert set(marks) == {"c", "d"} and marks["c"].aside_until is not None
    queue_marks.put_aside(zoe, "c", now())
    queue_marks.take_back(bea, "c")
    assert QueueMark.objects.get(user=bea, key="c").aside_until is None and queue_marks.of(zoe)["c"].aside_until is not None


def test_the_caller_of_a_session_is_its_agent() -> None:
    secret = tokens.create("agent", role=Role.VIEWER, workspace=a_workspace(), session_ref="sess_a", by="muster")
    caller = access.of_token(tokens.find(secret))  # type: ignore[arg-type]
    assert (caller.session_ref, caller.everywhere, caller.name, caller.is_human) == ("sess_a", False, "token:agent", False)
    assert not access.of_token(ApiToken(name="x", role="admin", session_ref="sess_b")).everywhere
    assert access.of_token(ApiToken(name="x", role="viewer")).everywhere


def test_the_last_admin_is_the_last_who_can_log_in_to_this_workspace() -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    row = members.add(workspace, person(admin=other), Role.ADMIN, by=ANA)
    zoe = person("zoe", admin=other)
    left = members.add(workspace, person("left"), Role.ADMIN, by=ANA)
    members.add(workspace, person("otto"), Role.OPERATOR, by=ANA)
    User.objects.filter(pk=left.user_id).update(is_active=False)
    for change in (
        lambda: members.set_role(row, Role.OPERATOR, by=of_user(row.user)),
        lambda: members.remove(row, by=of_user(row.user)),
    ):
        with pytest.raises(Invalid, match="bea is the last admin of this workspace"):
            change()
    members.set_role(left, Role.VIEWER, by=of_user(row.user))
    members.add(workspace, zoe, Role.ADMIN, by=ANA)
    members.remove(row, by=of_user(row.user))


def test_what_a_role_was_before_is_what_is_stored_and_not_what_a_page_showed() -> None:
    workspace = a_workspace(name="Shop")
    shown = members.add(workspace, person(), Role.VIEWER, by=ANA)
    members.set_role(shown, Role.OPERATOR, by=ANA)
    assert shown.role == Role.VIEWER
    members.set_role(shown, Role.BUDGET, by=ANA)
    assert last("member.role").data == {"user": "bea", "before": "operator", "after": "budget"}
    stale = Workspace.objects.get()
    members.rename(workspace, "Store", by=ANA)
    members.rename(stale, "Till", by=ANA)
    assert last("workspace.renamed").data == {"before": "Store", "after": "Till"}


def test_a_person_is_made_once_and_who_may_not_log_in_is_not_added() -> None:
    person()
    for again in (lambda: logins.create("bea", admin=False, by=ANA, reason="x"), lambda: members.find_or_create_person("nobody")):
        with pytest.raises(Invalid, match=r"There is a bea already|There is no user nobody"):
            again()
    assert members.find_or_create_person("bea", create=True)[1] is False
    User.objects.update(is_active=False)
    for create in (False, True):
        with pytest.raises(Invalid, match="bea may no longer log in"):
            members.find_or_create_person("bea", create=create)


def test_a_person_of_a_deleted_workspace_alone_is_recorded_where_it_can_be_read() -> None:
    alive, gone = a_workspace(), a_workspace(name="Gone")
    bea = person(admin=gone)
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    logins.change(bea, {"email": "bea@example.com"}, by=ANA, reason="moved")
    logins.change(bea, {"is_active": False}, by=ANA, reason="left")
    events = Event.objects.filter(verb__startswith="person.").order_by("id").values_list("verb", "workspace_id", "reason")
    assert list(events) == [("person.renamed", alive.pk, "moved"), ("person.shut_out", alive.pk, "left")]
