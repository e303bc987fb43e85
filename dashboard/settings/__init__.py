"""What an admin of a workspace sets: its name, its config, its members."""

from dashboard.shared.page_request import PageRequest
from workspaces.access import Need
from workspaces.errors import Forbidden


def require(page_request: PageRequest, need: Need) -> None:
    """Raises Forbidden for a role too small: for pages that all may see and few may send."""
    if not page_request.may(need):
        raise Forbidden(f"The role {page_request.role.value} may not {need.value}")
