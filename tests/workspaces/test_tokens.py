"""Tokens and roles: who sees what, and when that ends."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from tests.contract.api import Api
from tests.factories import a_token, a_workspace
from workspaces import access, tokens
from workspaces.access import Need
from workspaces.errors import Forbidden, NotFound
from workspaces.models import ApiToken, Role

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
