"""A request for a page of a workspace, for tests of what its regions are built from."""

from django.test import RequestFactory

from dashboard.shared.page_request import PageRequest
from tests.dashboard.seeds import entries as seed
from workspaces import access
from workspaces.models import Role, Workspace


def page_request(workspace: Workspace, *, role: Role = Role.ADMIN, name: str = "ana", **query: str) -> PageRequest:
    request = RequestFactory().get(f"/w/{workspace.pk}/", query)
    request.user = seed.user(name)
    return PageRequest(request, access.of_user(request.user), workspace, role)
