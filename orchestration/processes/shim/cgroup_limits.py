"""Limits of a control group: memory and processes, by cgroup v2, or by the separate hierarchies of v1 where a host still has those.

Standard library only: the shim imports this file without the rest of Muster.
"""

import os
from collections.abc import Iterator

MEMORY, PROCESSES = "memory", "pids"  # the kernel's names of the controllers
V1_FILES = {MEMORY: ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), PROCESSES: ("pids.max",)}
V2_FILES = {MEMORY: ("memory.max", "memory.swap.max"), PROCESSES: ("pids.max",)}
SENTENCES = {
    MEMORY: "the kernel ended a process: together they used more memory than limits.memory_mb allows ({} MiB)",
    PROCESSES: "the kernel refused to start a process: there were as many as limits.processes allows ({})",
}
EACH_SECOND = (
    "limits.memory_mb is checked each second: this host lets its worker make no control group with memory (MUSTER_CGROUP_PARENT)"
)
EVENTS = {MEMORY: (("memory.events", "oom_kill"), ("memory.oom_control", "oom_kill")), PROCESSES: (("pids.events", "max"),)}


class Limits:
    """The limits of the group `name` (None: no group may be created), whose folder in cgroup v2 is `group`, if it has one."""

    def __init__(self, name: str | None, group: str | None, *, memory_mb: int = 0, processes: int = 0) -> None:
        self.wanted = {controller: number for controller, number in ((MEMORY, memory_mb), (PROCESSES, processes)) if number}
        self.v1_folders: list[str] = []
        self._at: dict[str, str] = {}
        for controller, number in self.wanted.items():
            value = number * 2**20 if controller == MEMORY else number
            if group and _enable(group, controller) and _set(group, V2_FILES[controller], value):
                self._at[controller] = group
            elif name and (folder := _v1_folder(controller, name)) and _set(folder, V1_FILES[controller], value):
                self._at[controller] = folder
                self.v1_folders.append(folder)

    @property
    def not_in_force(self) -> list[str]:
        return [controller for controller in self.wanted if controller not in self._at]

    @property
    def watched_mb(self) -> int:
        """The memory limit that the kernel does not keep: the shim does (memory_watch.py); 0: none."""
        return self.wanted[MEMORY] if MEMORY in self.not_in_force else 0

    def warnings(self) -> list[str]:
        """Sentences on limits that the kernel does not keep. The limit of processes needs none: in a sandbox, prlimit keeps it too."""
        return [EACH_SECOND] if self.watched_mb else []

    def sentences(self) -> list[str]:
        """Sentences on what the kernel did to keep the limits, so far."""
        return [
            SENTENCES[controller].format(self.wanted[controller])
            for controller, folder in self._at.items()
            if any(_count(f"{folder}/{file}", word) for file, word in EVENTS[controller])
        ]

    def enter(self) -> None:
        """Move the calling process. Runs in a child before its exec: never raises."""
        for folder in self.v1_folders:
            write(f"{folder}/cgroup.procs", "0")

    def remove(self) -> None:
        for folder in self.v1_folders:
            remove_groups(folder)


def remove_leftovers(name: str) -> None:
    """Remove the groups of v1 that a dead shim left."""
    for controller in (MEMORY, PROCESSES):
        mounted = _v1_mount(controller)
        for folder, below, _ in os.walk(mounted[0]) if mounted else ():
            if name in below:
                remove_groups(f"{folder}/{name}")


def remove_groups(top: str) -> None:
    """A group and those below it, but for what is not empty."""
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass


def write(path: str, value: str) -> bool:
    """Write to a control file. False: the kernel did not take it."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(handle, value.encode())
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def lines(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            yield from (line.rstrip("\n") for line in file)
    except OSError:
        return


def _enable(group: str, controller: str) -> bool:
    """Switch the controller on in the group above, which may then have no processes of its own. False: the kernel refused."""
    file = f"{group}/{V2_FILES[controller][0]}"
    return os.path.exists(file) or (
        write(f"{os.path.dirname(group)}/cgroup.subtree_control", f"+{controller}") and os.path.exists(file)
    )


def _set(folder: str, files: tuple[str, ...], value: int) -> bool:
    """The first file is the limit. The second one counts swap, which not every kernel has: v2 counts it apart, v1 with the memory."""
    if not write(f"{folder}/{files[0]}", str(value)):
        return False
    for file in files[1:]:
        write(f"{folder}/{file}", "0" if file == "memory.swap.max" else str(value))
    return True


def _v1_folder(controller: str, name: str) -> str | None:
    """A new group below the one that this process is in; None: this host has no such hierarchy, or it may not be written."""
    mounted = _v1_mount(controller)
    if mounted is None:
        return None
    point, root = mounted
    for line in lines("/proc/self/cgroup"):
        _, names, path = line.split(":", 2)
        below = os.path.relpath(path, root)
        if controller in names.split(",") and not below.startswith(".."):
            folder = os.path.normpath(os.path.join(point, below, name))
            try:
                os.makedirs(folder, exist_ok=True)  # a dead shim may have left it: the name is unique to the session
            except OSError:
                return None
            return folder
    return None


def _v1_mount(controller: str) -> tuple[str, str] | None:
    """The mount point, and the group that is its root there."""
    for line in lines("/proc/self/mountinfo"):
        mount_fields, _, filesystem = line.partition(" - ")
        kind, _, options = [*filesystem.split(" ", 2), "", ""][:3]
        if kind == "cgroup" and controller in options.split(","):
            fields = mount_fields.split(" ")
            return fields[4], fields[3]
    return None


def _count(path: str, word: str) -> int:
    for line in lines(path):
        name, _, value = line.partition(" ")
        if name == word and value.isdigit():
            return int(value)
    return 0
