"""Who belongs to a workspace, changed by several at once."""

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
    """A membership's own admin gives it up."""
    try:
        if how == "remove":
            members.remove(row, by=access.of_user(row.user))
        else:
            members.set_role(row, Role.VIEWER, by=access.of_user(row.user))
    except Invalid as why:
        return why.message
    return "done"


@pytest.mark.parametrize("how", ["remove", "role"])
def test_of_admins_who_all_step_back_at_once_one_stays(how: str) -> None:
    for turn in range(5):
        workspace = a_workspace(name=f"{how} {turn}")
        people = [User.objects.create_user(f"{how}-{turn}-{n}") for n in range(5)]
        rows = [members.add(workspace, person, Role.ADMIN, by=access.MUSTER) for person in people]
        told = at_once([lambda row=row: step_back(row, how) for row in rows])  # type: ignore[misc]
        assert told.count("done") == 4
        assert Membership.objects.filter(workspace=workspace, role=Role.ADMIN).count() == 1
