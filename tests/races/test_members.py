"""Concurrent changes of a workspace's members."""

import pytest
from django.contrib.auth.models import User

from tests.factories import a_workspace
from tests.races.crowd import at_once
from workspaces import access
from workspaces.errors import Invalid
from workspaces.models import Membership, Role
from workspaces.people import members

pytestmark = pytest.mark.django_db(transaction=True)


def step_back(row: Membership, how: str) -> str:
    """An admin gives up the own membership or role."""
    try:
        if how == "remove":
            members.remove(row, by=access.of_user(row.user))
        else:
            members.set_role(row, Role.VIEWER, by=access.of_user(row.user))
    except Invalid as why:
        return why.message
    return "done"


@pytest.mark.parametrize("how", ["remove", "role"])
def test_when_all_admins_step_back_at_once_one_stays(how: str) -> None:
    for attempt in range(5):
        workspace = a_workspace(name=f"{how} {attempt}")
        people = [User.objects.create_user(f"{how}-{attempt}-{n}") for n in range(5)]
        rows = [members.add(workspace, person, Role.ADMIN, by=access.MUSTER) for person in people]
        results = at_once([lambda row=row: step_back(row, how) for row in rows])  # type: ignore[misc]
        assert results.count("done") == 4
        assert Membership.objects.filter(workspace=workspace, role=Role.ADMIN).count() == 1


def test_an_admin_who_may_not_log_in_is_no_other_admin() -> None:
    workspace = a_workspace()
    last, left = User.objects.create_user("last"), User.objects.create_user("left", is_active=False)
    row = members.add(workspace, last, Role.ADMIN, by=access.MUSTER)
    members.add(workspace, left, Role.ADMIN, by=access.MUSTER)
    assert step_back(row, "remove").startswith("last is the last admin")
    User.objects.filter(pk=left.pk).update(is_active=True)
    assert step_back(row, "remove") == "done"
