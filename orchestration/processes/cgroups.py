"""A control group (cgroup v2) for each agent where one may be made: the kernel then ends a whole tree in one write, and says when it is empty.

Optional, and never instead of looking at /proc. Standard library only: the shim imports this file without the rest of Muster.
"""

import os
from collections.abc import Iterator

NEVER = "none"  # as the configured parent
PREFIX = "muster-"


class Cgroup:
    """One group that was made for a session, by the marker's name."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def enter(self) -> None:
        """The caller moves in, with everything that it starts from now on. For a child before its exec: never raises."""
        try:
            self._write("cgroup.procs", b"0")
        except OSError:
            pass

    def kill(self) -> None:
        try:
            self._write("cgroup.kill", b"1")
        except OSError:
            pass

    @property
    def populated(self) -> bool:
        """Does anything live in it, or in the groups below that the agent made?"""
        try:
            with open(f"{self.folder}/cgroup.events", "rb") as file:
                return b"populated 1" in file.read().split(b"\n")
        except OSError:
            return False

    def remove(self) -> None:
        """With the groups that the agent made below. What is not empty stays."""
        for folder, _, _ in os.walk(self.folder, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass

    def _write(self, name: str, what: bytes) -> None:
        handle = os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(handle, what)
        finally:
            os.close(handle)


def make(marker: str, parent: str = "") -> Cgroup | None:
    """A group for this session below `parent`, or below our own group. None: there is no cgroup v2 here, or it is not ours to write."""
    above = parent or own()
    if above is None or above == NEVER or not _is_name(marker):
        return None
    made = Cgroup(os.path.join(above, PREFIX + marker))
    try:
        os.mkdir(made.folder)
    except FileExistsError:
        pass  # left by a shim that died: the marker is this session's, so it is ours
    except OSError:
        return None
    if all(os.access(f"{made.folder}/{name}", os.W_OK) for name in ("cgroup.procs", "cgroup.kill")):
        return made
    made.remove()
    return None


def left(marker: str, parent: str = "") -> list[Cgroup]:
    """The groups of a session whose shim is gone, wherever it ran: its worker's own group is not known any more."""
    mounted = mount()
    above = parent if parent not in ("", NEVER) else (mounted[0] if mounted else "")
    wanted = PREFIX + marker
    return [Cgroup(folder) for folder, _, _ in os.walk(above) if os.path.basename(folder) == wanted] if above else []


def own() -> str | None:
    """The folder of the group that we are in."""
    mounted = mount()
    if mounted is None:
        return None
    point, root = mounted
    for line in _lines("/proc/self/cgroup"):
        if line.startswith("0::"):
            path = os.path.relpath(line[3:], root)
            return None if path.startswith("..") else os.path.normpath(os.path.join(point, path))
    return None


def mount() -> tuple[str, str] | None:
    """Where cgroup v2 is mounted, and which of its groups is seen there as the root. None: nowhere."""
    for line in _lines("/proc/self/mountinfo"):
        where, _, what = line.partition(" - ")
        if what.startswith("cgroup2 "):
            fields = where.split(" ")
            return fields[4], fields[3]
    return None


def _is_name(marker: str) -> bool:
    return bool(marker) and "/" not in marker and "\0" not in marker


def _lines(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            yield from (line.rstrip("\n") for line in file)
    except OSError:
        return
