"""Tokens and roles: who sees what, and when that ends."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils.timezone import now

from tests.contract.api import Api
from tests.factories import ANA, a_token, a_workspace
from workspaces import access
from workspaces.access import Need
from workspaces.errors import Forbidden, Invalid, NotFound
from workspaces.models import ApiToken, Event, Membership, Role, Workspace
from workspaces.people import tokens

pytestmark = pytest.mark.django_db


def caller(secret: str) -> access.Caller:
    token = tokens.find(secret)
    assert token is not None
    return access.of_token(token)


def test_a_token_is_found_by_its_secret_only() -> None:
    secret = a_token()
    assert tokens.find(secret) is not None
    for wrong in ("", secret[:-1], secret + "x", secret.upper(), ApiToken.objects.get().digest, "\x00", "\ud800"):
        assert tokens.find(wrong) is None


def test_an_expired_or_revoked_token_has_no_access() -> None:
    shop = a_workspace()
    late = tokens.create("late", workspace=shop, expires_at=now() - timedelta(seconds=1))
    early = tokens.create("early", workspace=shop, expires_at=now() + timedelta(hours=1))
    assert tokens.find(late) is None and tokens.find(early) is not None
    ApiToken.objects.filter(name="early").update(revoked_at=now())
    assert Api(shop, early).get("/budget").status == 401


def test_a_token_of_one_workspace_sees_no_other() -> None:
    mine, other = a_workspace(name="Mine"), a_workspace(name="Other")
    bound = caller(a_token(mine))
    assert list(access.workspaces_for(bound)) == [mine]
    assert access.workspace_for(bound, mine.pk, Need.ADMIN) == mine
    with pytest.raises(NotFound):
        access.workspace_for(bound, other.pk)


def test_a_token_of_no_workspace_sees_all() -> None:
    created = {a_workspace().pk, a_workspace().pk}
    assert {workspace.pk for workspace in access.workspaces_for(caller(a_token()))} == created


@pytest.mark.parametrize(
    ("role", "needs"),
    [
        (Role.VIEWER, {Need.VIEW}),
        (Role.OPERATOR, {Need.VIEW, Need.OPERATE}),
        (Role.BUDGET, {Need.VIEW, Need.BUDGET}),
        (Role.ADMIN, set(Need)),
    ],
)
def test_a_role_grants_exactly_its_needs(role: Role, needs: set[Need]) -> None:
    shop = a_workspace()
    holder = caller(a_token(shop, role))
    for need in Need:
        if need in needs:
            assert access.workspace_for(holder, shop.pk, need) == shop
        else:
            with pytest.raises(Forbidden):
                access.workspace_for(holder, shop.pk, need)


def test_only_an_admin_of_everything_may_create_workspaces() -> None:
    access.check_may_create(caller(a_token()))
    for secret in (a_token(a_workspace()), a_token(role=Role.OPERATOR), tokens.create("agent", session_ref="sess_x")):
        with pytest.raises(Forbidden):
            access.check_may_create(caller(secret))


def test_a_sessions_token_sees_no_workspace_and_ends_with_its_session() -> None:
    shop = a_workspace()
    secret = tokens.create("agent", workspace=shop, session_ref="sess_4j6h8g2f1d9s7a5b")
    assert list(access.workspaces_for(caller(secret))) == []
    with pytest.raises(NotFound):
        access.workspace_for(caller(secret), shop.pk)
    tokens.end_session("sess_4j6h8g2f1d9s7a5b")
    assert tokens.find(secret) is None


def test_the_last_use_of_a_token_is_known_to_the_hour() -> None:
    a_token()
    token = ApiToken.objects.get()
    tokens.mark_used(token)
    first = ApiToken.objects.get().last_used_at
    assert first is not None and abs(first - now()) < timedelta(minutes=1)
    for minutes, is_kept in ((59, True), (61, False)):
        was = now() - timedelta(minutes=minutes)
        ApiToken.objects.update(last_used_at=was)
        tokens.mark_used(ApiToken.objects.get())
        assert (ApiToken.objects.get().last_used_at == was) is is_kept


def test_who_uses_a_token_is_let_in_also_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise DatabaseError("disk is full")

    a_token()
    monkeypatch.setattr(QuerySet, "update", full)
    tokens.mark_used(ApiToken.objects.get())


def test_the_end_of_a_session_leaves_the_time_at_which_its_token_was_revoked() -> None:
    tokens.create("agent", session_ref="sess_a")
    before = now() - timedelta(hours=1)
    ApiToken.objects.update(revoked_at=before)
    tokens.end_session("sess_a")
    assert ApiToken.objects.get().revoked_at == before


def test_a_token_of_one_workspace_is_recorded_there_alone_and_its_end_can_be_taken_away() -> None:
    mine, _ = a_workspace(), a_workspace(name="Other")
    until = now() + timedelta(days=1)
    token, _ = tokens.issue("ci", role=Role.BUDGET, workspace=mine, expires_at=until, by=ANA, reason="for ci")
    tokens.change(token, name="ci", expires_at=None, by=ANA, reason="for good")
    assert ApiToken.objects.get().expires_at is None
    shown = {"name": "ci", "prefix": token.prefix, "role": "budget"}
    assert list(Event.objects.order_by("id").values_list("workspace_id", "verb", "data")) == [
        (mine.pk, "token.created", shown | {"expires_at": until.isoformat()}),
        (mine.pk, "token.changed", shown | {"expires_at": None}),
    ]


@pytest.mark.parametrize(
    ("mine", "roles"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.OPERATOR, {Role.VIEWER, Role.OPERATOR}),
        (Role.BUDGET, {Role.VIEWER, Role.BUDGET}),
        (Role.ADMIN, set(Role)),
    ],
)
def test_a_persons_own_token_has_a_role_within_theirs_in_that_workspace(mine: Role, roles: set[Role]) -> None:
    workspace, other = a_workspace(), a_workspace(name="Other")
    bea = access.of_user(User.objects.create_user("bea"))
    Membership.objects.create(user=bea.user, workspace=other, role=Role.ADMIN)
    Membership.objects.create(user=bea.user, workspace=workspace, role=mine)

    def make(role: Role, where: Workspace | None) -> ApiToken:
        return tokens.make_own("mine", role=role, workspace=where, expires_at=None, by=bea)[0]

    for role in Role:
        if role in roles:
            token = make(role, workspace)
            assert (token.owner, token.workspace, token.role) == (bea.user, workspace, role)
        else:
            with pytest.raises(Invalid, match="at most the role that you have"):
                make(role, workspace)
    with pytest.raises(Invalid, match="Choose a workspace"):
        make(Role.VIEWER, None)
    ApiToken.objects.create(name="of another", digest="x", created_by="bea", workspace=workspace)
    assert {token.name for token in tokens.list_own(bea.user)} == {"mine"}


def on_the_command_line(*args: str) -> access.Caller:
    printed = io.StringIO()
    call_command("token", "create", *args, stdout=printed)
    return caller(printed.getvalue().strip())


def test_a_token_of_the_command_line_is_of_its_workspace_and_role_and_of_no_deleted_one() -> None:
    mine, gone = a_workspace(), a_workspace(name="Gone")
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    holder = on_the_command_line("ci", "--workspace", mine.pk, "--role", "operator")
    assert (holder.name, holder.everywhere, holder.role_in(mine)) == ("token:ci", False, Role.OPERATOR)
    assert on_the_command_line("all").everywhere and on_the_command_line("all").role_in(mine) == Role.ADMIN
    for unknown in (gone.pk, "ws_nowhere"):
        with pytest.raises(CommandError, match="There is no workspace"):
            on_the_command_line("ci", "--workspace", unknown)
    lines = Event.objects.filter(verb="token.created").values_list("workspace", "actor", "reason")
    assert set(lines) == {(mine.pk, "command line", "made on the command line")}


COVERS = {
    Role.VIEWER: {Role.VIEWER},
    Role.OPERATOR: {Role.VIEWER, Role.OPERATOR},
    Role.BUDGET: {Role.VIEWER, Role.BUDGET},
    Role.ADMIN: set(Role),
}


@pytest.mark.parametrize("mine", Role)
def test_a_persons_token_lives_while_their_role_in_its_workspace_covers_it(mine: Role) -> None:
    workspace, other, bea = a_workspace(), a_workspace(name="Other"), User.objects.create_user("bea")
    zoe = User.objects.create_user("zoe")
    Membership.objects.create(user=bea, workspace=other, role=Role.ADMIN)
    Membership.objects.create(user=zoe, workspace=workspace, role=Role.ADMIN)
    created = {role: tokens.create(role, role=role, workspace=workspace, owner=bea) for role in Role}
    of_all = tokens.create("of all", role=Role.VIEWER, owner=bea)

    def alive() -> set[Role]:
        return {role for role, secret in created.items() if tokens.find(secret) is not None}

    assert alive() == set()
    Membership.objects.create(user=bea, workspace=workspace, role=mine)
    assert alive() == COVERS[mine] == set(tokens.roles_within(mine)) and tokens.find(of_all) is None
    User.objects.filter(pk=bea.pk).update(is_active=False)
    assert alive() == set()
    User.objects.filter(pk=bea.pk).update(is_superuser=True)
    assert alive() == set() and tokens.find(of_all) is None
    User.objects.filter(pk=bea.pk).update(is_active=True)
    assert alive() == set(Role) and tokens.find(of_all) is not None
