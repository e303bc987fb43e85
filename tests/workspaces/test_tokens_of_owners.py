"""Tokens that stand for their owner: in each workspace the role that the owner has there at that moment, and nothing beyond it."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orchestration.maintenance import recorded
from tests.admin_site import a_superuser
from tests.contract.api import Api
from tests.factories import a_token, a_workspace
from workspaces import access
from workspaces.access import Need
from workspaces.errors import Forbidden, Invalid, NotFound
from workspaces.models import AS_OWNER, ApiToken, Event, Membership, Role, Workspace
from workspaces.people import devices, tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def bea(shop: Workspace) -> User:
    """An operator of the shop."""
    bea = User.objects.create_user("bea")
    Membership.objects.create(user=bea, workspace=shop, role=Role.OPERATOR)
    return bea


def caller(secret: str) -> access.Caller:
    token = tokens.find(secret)
    assert token is not None
    return access.of_token(token)


def login(person: User) -> str:
    return tokens.log_in(person, "muster-cli/1 at 10.0.0.1")[1]


@pytest.mark.parametrize("role", Role)
def test_it_may_do_in_each_workspace_what_its_owner_may_there(role: Role, shop: Workspace, bea: User) -> None:
    other, foreign = a_workspace(name="Other"), a_workspace(name="Foreign")
    Membership.objects.create(user=bea, workspace=other, role=role)
    secret, person = login(bea), access.of_user(bea)
    assert set(access.workspaces_for(caller(secret))) == {shop, other}
    for workspace in (shop, other, foreign):
        assert caller(secret).role_in(workspace) == person.role_in(workspace)
        for need in Need:
            assert caller(secret).may(need, workspace) == person.may(need, workspace)
    with pytest.raises(NotFound):
        access.workspace_for(caller(secret), foreign.pk)
    with pytest.raises(Forbidden):
        access.check_may_create(caller(secret))


def test_a_change_of_the_owners_roles_counts_from_the_next_request_on(shop: Workspace, bea: User) -> None:
    Membership.objects.create(user=bea, workspace=a_workspace(name="Other"), role=Role.ADMIN)
    api = Api(shop, login(bea))
    mine = Membership.objects.filter(user=bea, workspace=shop)
    assert (api.get("/budget").status, api.post("/executor/pause", {}).status) == (200, 200)
    mine.update(role=Role.VIEWER)
    assert (api.get("/budget").status, api.post("/executor/pause", {}).status) == (200, 403)
    mine.delete()
    assert (api.get("/budget").status, api.post("/executor/pause", {}).status) == (404, 404)
    Membership.objects.create(user=bea, workspace=shop, role=Role.ADMIN)
    assert api.post("/executor/pause", {}).status == 200
    User.objects.filter(pk=bea.pk).update(is_active=False)
    assert api.get("/budget").status == 401


def test_of_a_superuser_it_is_an_admin_of_the_whole_server_as_long_as_they_are_one(shop: Workspace, bea: User) -> None:
    foreign, secret = a_workspace(name="Foreign"), login(bea)
    assert not caller(secret).everywhere and Api(foreign, secret).get("/budget").status == 404
    User.objects.filter(pk=bea.pk).update(is_superuser=True)
    assert caller(secret).everywhere and caller(secret).role_in(foreign) == Role.ADMIN
    assert Api(foreign, secret).get("/budget").status == 200
    access.check_may_create(caller(secret))
    User.objects.filter(pk=bea.pk).update(is_superuser=False)
    assert Api(foreign, secret).get("/budget").status == 404 and caller(secret).role_in(shop) == Role.OPERATOR


def test_a_request_takes_as_many_statements_as_with_a_token_of_one_workspace(shop: Workspace, bea: User) -> None:
    def statements(secret: str) -> int:
        Api(shop, secret).get("/budget")  # its last use is noted once an hour
        with CaptureQueriesContext(connection) as queries:
            assert Api(shop, secret).get("/budget").status == 200
        return len(queries)

    boss = User.objects.create_superuser("boss")
    assert {statements(a_token(shop)), statements(login(bea)), statements(login(boss))} == {statements(a_token())}


def test_it_opens_no_page_makes_no_token_and_confirms_no_login(shop: Workspace, bea: User) -> None:
    begun = devices.begin("muster-cli", "")
    client = Client(headers={"Authorization": f"Bearer {login(bea)}"})
    for address in ("/account/tokens/", "/account/device/", "/"):
        assert client.get(address).status_code == 302
        assert client.post(address, {"code": begun.user_code, "decision": "confirm", "name": "x"}).status_code in (302, 405)
    with pytest.raises(Forbidden):
        devices.decide(begun.user_code, confirm=True, by=caller(login(bea)))
    with pytest.raises(devices.Pending, match="authorization_pending"):
        devices.redeem(begun.device_code)


def test_the_metrics_of_the_whole_server_are_for_superusers(shop: Workspace, bea: User) -> None:
    def status(secret: str) -> int:
        return Client().get("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code

    assert status(login(bea)) == 401 and status(login(User.objects.create_superuser("boss"))) == 200


def test_the_database_refuses_one_without_an_owner_or_with_a_place(shop: Workspace, bea: User) -> None:
    for wrong in ({}, {"owner": bea, "workspace": shop}, {"owner": bea, "session_ref": "sess_x"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiToken.objects.create(name="x", digest="x", role=AS_OWNER, **wrong)


def test_the_admin_site_makes_none(shop: Workspace) -> None:
    client = a_superuser()
    form = {"name": "x", "role": AS_OWNER, "workspace": "", "expires_at_0": "", "expires_at_1": "", "reason": "mine"}
    refused = client.post("/admin/workspaces/apitoken/add/", form)
    assert refused.status_code == 200 and "is made by their own login" in refused.content.decode()
    assert not ApiToken.objects.exists()
    assert client.post("/admin/workspaces/apitoken/add/", form | {"role": "viewer"}).status_code == 200
    assert ApiToken.objects.get().role == Role.VIEWER


def test_its_making_is_in_the_activity_of_its_owners_workspaces_and_a_forged_one_shows(shop: Workspace, bea: User) -> None:
    a_workspace(name="Foreign")
    login(bea)
    assert list(Event.objects.filter(verb="token.created").values_list("workspace", "actor")) == [(shop.pk, "bea")]
    assert list(recorded.tokens_without_record()) == []
    Membership.objects.create(user=bea, workspace=a_workspace(name="Later"), role=Role.VIEWER)
    assert list(recorded.tokens_without_record()) == []
    tokens.issue("ci", role=Role.VIEWER, workspace=shop, expires_at=None, by=access.of_user(bea), reason="", owner=bea)
    ApiToken.objects.filter(name="ci").update(role=AS_OWNER, workspace=None)
    (line,) = recorded.tokens_without_record()
    assert "it is owner now, and was made as viewer" in line


def test_whoever_has_no_workspace_or_too_many_tokens_gets_none(bea: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="not a member of any workspace"):
        login(User.objects.create_user("zoe"))
    monkeypatch.setattr(tokens, "MAX_OWN", 1)
    login(bea)
    with pytest.raises(Invalid, match="revoke one first"):
        login(bea)
