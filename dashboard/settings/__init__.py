"""What an admin of a workspace sets: its name, its config, its members."""

from dashboard.shared.page_request import Scene
from workspaces.access import Need
from workspaces.errors import Forbidden


def demand(scene: Scene, need: Need) -> None:
    """Raises Forbidden for a role too small: for pages that all may see and few may send."""
    if not scene.may(need):
        raise Forbidden(f"The role {scene.role.value} may not {need.value}")
