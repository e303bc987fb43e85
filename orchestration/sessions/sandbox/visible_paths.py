"""The parts of the host, beside the system, that a workspace's sandboxes show as its config names them; and those that they never show."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from orchestration.configuration import Config
from orchestration.processes import sandbox
from orchestration.processes.programs import Finder
from orchestration.processes.sandbox import Mount
from orchestration.sessions.sandbox import system
from workspaces.machine import authorities
from workspaces.models import Workspace

WORK = "/work"


def by_config(config: Config, programs: Iterable[str]) -> tuple[Mount, ...]:
    """The mounts of what the config names, with the programs of its commands. Resolved: a link and its target are both there."""
    home = os.environ.get("HOME", "")
    finder = Finder(home, os.environ.get("PATH", ""))
    own = finder.of_path() | finder.of_commands(_of_agents(config)) | {Path(path) for path in _named_in_env(config)}
    for program in programs:
        own |= finder.of_program(program)
    read = finder.of_commands([*config.setup, *(check.run for check in config.verify), *_of_services(config)])
    read |= {_expanded(path, home) for path in config.sandbox.read}
    writable = mounts({_expanded(path, home) for path in config.sandbox.write}, writable=True)
    readable = mounts(read | own, writable=False)
    kept = {mount.target for mount in mounts(read, writable=False)}
    readable = [mount for mount in readable if mount.target in kept or not _is_written(mount, writable)]
    links = [mount for mount in writable if mount.source != mount.target and _is_there(mount, readable)]
    return tuple(mount for mount in (*readable, *writable) if mount not in links and mount.target != WORK)


def hidden(workspace: Workspace) -> set[str]:
    """The data directory, databases, sockets and the repositories of other workspaces."""
    repos = Workspace.objects.filter(deleted_at__isnull=True).exclude(pk=workspace.pk).values_list("repo", flat=True)
    paths = {os.path.realpath(repo) for repo in repos if repo} - {os.path.realpath(workspace.repo)}
    paths |= {os.path.realpath(settings.DATA_DIR), *_database_files(), *_sockets()}
    return {path for path in paths if os.path.exists(path)}


def _of_agents(config: Config) -> list[str | Sequence[str]]:
    commands: list[str | Sequence[str]] = [agent.command for agent in config.every_agent if agent.command is not None]
    return [*commands, *(agent.args for agent in config.every_agent)]


def _of_services(config: Config) -> list[str | Sequence[str]]:
    prepares = [service.prepare.run for service in config.services if service.prepare is not None]
    return [*(service.run for service in config.services), *(service.ready for service in config.services), *prepares]


def _is_written(mount: Mount, writable: Iterable[Mount]) -> bool:
    """True if it lies in a writable folder: there it is no mount of its own, so that it can be replaced."""
    return any(
        sandbox.is_in(mount.target, folder.target)
        and mount.source == folder.source.rstrip("/") + mount.target[len(folder.target.rstrip("/")) :]
        for folder in writable
    )


def _named_in_env(config: Config) -> list[str]:
    """Files that variables name, such as certificates."""
    values = [value for agent in config.every_agent for value in agent.env.values()]
    named = [value for value in values if os.path.isabs(value) and "\0" not in value and os.path.isfile(value)]
    return named + authorities.places()


def _expanded(path: str, home: str) -> Path:
    return Path(os.path.normpath(home + path[1:] if path.startswith("~/") else path))


def mounts(paths: Iterable[Path], *, writable: bool) -> list[Mount]:
    """Each path and what it leads to. What lies below another shown folder is there with it."""
    names = sorted({str(path) for path in paths if os.path.exists(path)})
    places = {(real, real) for name in names if (real := os.path.realpath(name))}
    places |= {(os.path.realpath(name), name) for name in names}
    shown = [Mount(source, target, writable) for source, target in sorted(places, key=lambda place: place[1])]
    return [mount for mount in shown if not (_is_there(mount, shown) or (not writable and system.is_shown(mount.target)))]


def _is_there(mount: Mount, shown: Iterable[Mount]) -> bool:
    """True if another mount shows it, as it is on the host: a link as a link."""
    return any(sandbox.is_in(mount.target, other.target) for other in shown if mount.target != other.target)


def _database_files() -> list[str]:
    name = str(settings.DATABASES["default"].get("NAME") or "")
    if "sqlite" not in settings.DATABASES["default"]["ENGINE"] or not os.path.isabs(name):
        return []
    return [os.path.realpath(name + ending) for ending in ("", "-wal", "-shm", "-journal")]


def _sockets() -> list[str]:
    url = urlsplit(str(getattr(settings, "REDIS_URL", "") or ""))
    return [os.path.realpath(url.path)] if url.scheme in ("unix", "redis+socket") and os.path.isabs(url.path) else []
