"""The settings of a workspace: name, config, agents, members, notices."""

from dashboard.shared.page_request import PageRequest
from workspaces.access import Need
from workspaces.errors import Forbidden


def require(page_request: PageRequest, need: Need) -> None:
    """Raise Forbidden if the role does not grant `need`: for pages that all members see and few may submit."""
    if not page_request.may(need):
        raise Forbidden(f"The role {page_request.role.value} may not {need.value}")
