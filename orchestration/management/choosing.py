"""The common parts of the commands: who acts, and on which workspace."""

import os
from pathlib import Path

from django.core.management.base import CommandError

from config.system import default_workspace
from orchestration.demo import starting
from workspaces.access import Caller
from workspaces.models import Workspace

COMMAND_LINE = Caller("command line")
PROBLEM, USAGE = 1, 2


def workspace(named: str | None) -> Workspace:
    """The workspace of this id or name, else the one that the package in `cli/` would take in this folder: that of MUSTER_WORKSPACE, of the
    repository around the folder, the default, or the only one, beside which demos do not count. Raises CommandError."""
    alive = list(Workspace.objects.filter(deleted_at__isnull=True))
    default = default_workspace.read()
    if named := named or os.environ.get("MUSTER_WORKSPACE", ""):
        return _only([each for each in alive if named in (each.pk, each.name)], f"no workspace {named!r}")
    if here := _around(alive):
        return _only([each for each in here if each.pk == default] or here)
    if default:
        gone = f"no workspace {default} any more, which was the default: ./muster use NAME keeps another"
        return _only([each for each in alive if each.pk == default], gone)
    return _only([each for each in alive if not starting.is_demo(each)] or alive)


def _only(chosen: list[Workspace], none: str = "no workspace") -> Workspace:
    if len(chosen) == 1:
        return chosen[0]
    several = "more than one workspace: name it with --workspace, or keep a default with ./muster use NAME"
    raise CommandError(f"There is {several if chosen else none}. See ./muster workspace list", returncode=USAGE)


def _around(alive: list[Workspace]) -> list[Workspace]:
    """The workspaces of the nearest repository around this folder."""
    try:
        here = Path.cwd()
    except OSError:
        return []
    paths = {each.pk: Path(each.repo).resolve() for each in alive}
    nearest = next((folder for folder in (here, *here.parents) if folder in paths.values()), None)
    return [each for each in alive if nearest and paths[each.pk] == nearest]
