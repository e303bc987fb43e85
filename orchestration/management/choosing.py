"""The common parts of the commands: who acts, and on which workspace."""

from django.core.management.base import CommandError

from workspaces.access import Caller
from workspaces.models import Workspace

COMMAND_LINE = Caller("command line")
PROBLEM, USAGE = 1, 2


def workspace(workspace_id: str | None) -> Workspace:
    """The workspace of this id, or the only one. Raises CommandError."""
    alive = Workspace.objects.filter(deleted_at__isnull=True)
    if workspace_id:
        chosen = alive.filter(pk=workspace_id).first()
        if chosen is None:
            raise CommandError(f"There is no workspace {workspace_id!r}. See ./muster workspace list", returncode=USAGE)
        return chosen
    if alive.count() != 1:
        count = "no workspace" if not alive.exists() else "more than one workspace: name it with --workspace"
        raise CommandError(f"There is {count}. See ./muster workspace list", returncode=USAGE)
    return alive.get()
