"""A control group for each agent, where possible: cgroup v2 kills the whole tree in one write and reports when it is empty. Its limits
(cgroup_limits.py) hold for memory and processes together.

Optional, and always in addition to /proc. Standard library only: the shim imports this file without the rest of Muster.
"""

import os
from collections.abc import Mapping

if __package__:
    from . import cgroup_limits
    from .cgroup_limits import Limits
else:  # in the shim, which runs without the package
    import cgroup_limits  # type: ignore[no-redef]
    from cgroup_limits import Limits  # type: ignore[no-redef]

DISABLED = "none"  # as the configured parent
PREFIX = "muster-"


class Cgroup:
    """The group of one session, named after its marker."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def enter(self) -> None:
        """Move the calling process, and all that it starts from now on, into the group. Runs in a child before its exec: never raises."""
        cgroup_limits.write(f"{self.folder}/cgroup.procs", "0")

    def kill(self) -> None:
        cgroup_limits.write(f"{self.folder}/cgroup.kill", "1")

    @property
    def populated(self) -> bool:
        """True if a process lives in the group or in a group below it."""
        try:
            with open(f"{self.folder}/cgroup.events", "rb") as file:
                return b"populated 1" in file.read().split(b"\n")
        except OSError:
            return False

    def remove(self) -> None:
        """Also removes the groups that the agent made below. Groups that are not empty stay."""
        cgroup_limits.remove_groups(self.folder)


def create(marker: str, parent: str = "") -> Cgroup | None:
    """A group for this session below `parent`, or below the worker's own group. None: no cgroup v2 here, or no permission."""
    parent_folder = parent or own_folder()
    if parent_folder is None or parent_folder == DISABLED or not _is_name(marker):
        return None
    group = Cgroup(os.path.join(parent_folder, PREFIX + marker))
    try:
        os.mkdir(group.folder)
    except FileExistsError:
        pass  # a dead shim left it: the marker is unique to the session, so the group can be used again
    except OSError:
        return None
    if all(os.access(f"{group.folder}/{name}", os.W_OK) for name in ("cgroup.procs", "cgroup.kill")):
        return group
    group.remove()
    return None


def limited(marker: str, group: Cgroup | None, parent: str, limits: Mapping[str, int]) -> Limits:
    """The limits of this session's processes, `memory_mb` and `processes`, as far as this host lets them be set."""
    if parent == DISABLED or not _is_name(marker):
        return Limits(None, None, **limits)
    return Limits(PREFIX + marker, group.folder if group else None, **limits)


def keeps_memory(parent: str) -> bool:
    """True if the kernel of this host limits the memory of a session's processes: tried with an empty group."""
    marker = f"trial-{os.getpid()}"
    group = create(marker, parent)
    limits = limited(marker, group, parent, {"memory_mb": 1024})
    limits.remove()
    if group is not None:
        group.remove()
    return not limits.watched_mb


def remove_limits(marker: str) -> None:
    """Remove what limited a session whose shim is gone."""
    if _is_name(marker):
        cgroup_limits.remove_leftovers(PREFIX + marker)


def leftover_groups(marker: str, parent: str = "", *, stages: bool = False) -> list[Cgroup]:
    """The groups of a session, and of its stages, whose shims are gone. Searches the whole hierarchy: the dead worker's own group is unknown."""
    mounted = find_mount()
    parent_folder = parent if parent not in ("", DISABLED) else (mounted[0] if mounted else "")
    group_name = PREFIX + marker
    return (
        [
            Cgroup(folder)
            for folder, _, _ in os.walk(parent_folder)
            if (name := os.path.basename(folder)) == group_name or (stages and name.startswith(group_name + "."))
        ]
        if parent_folder
        else []
    )


def own_folder() -> str | None:
    """The folder of the group that this process is in."""
    mounted = find_mount()
    if mounted is None:
        return None
    point, root = mounted
    for line in cgroup_limits.lines("/proc/self/cgroup"):
        if line.startswith("0::"):
            path = os.path.relpath(line[3:], root)
            return None if path.startswith("..") else os.path.normpath(os.path.join(point, path))
    return None


def find_mount() -> tuple[str, str] | None:
    """The mount point of cgroup v2 and the group that is its root there. None: not mounted."""
    for line in cgroup_limits.lines("/proc/self/mountinfo"):
        mount_fields, _, filesystem = line.partition(" - ")
        if filesystem.startswith("cgroup2 "):
            fields = mount_fields.split(" ")
            return fields[4], fields[3]
    return None


def _is_name(marker: str) -> bool:
    return bool(marker) and "/" not in marker and "\0" not in marker
