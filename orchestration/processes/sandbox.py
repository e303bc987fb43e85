"""The bubblewrap command of a process: what it may see, read and write. Pure: values in, options out.

An allow list: a path that nothing here names does not exist for the process. What must never be seen (`hidden`) is covered even where it
lies below a folder that is shown.
"""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
CONFINEMENT = ("--die-with-parent", "--new-session", "--cap-drop", "ALL")
# Writable for who is root outside, with no capability at all: the kernel compares the user only.
PROC_READ_ONLY = ("sys", "sysrq-trigger", "fs", "irq", "bus", "scsi", "acpi", "asound")
INIT = "/run/muster/init.py"

Network = Literal["open", "proxy", "none", "joined"]
"""`joined`: that of the process whose namespaces it joins (private_network.py)."""


class WayOut(Protocol):
    """The way out of a process with a network of its own. `ports`: of its loopback, where its first process listens on behalf of this."""

    ports: list[int]

    def open(self) -> socket.socket:
        """Start serving, for one process. The first process sends its listening sockets here."""

    def refused(self) -> list[str]:
        """Sentences about what was refused since the last call."""


@dataclass(frozen=True, slots=True)
class Mount:
    """`source` on the host, shown at `target`."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Overlay:
    """Folders of the host, the last one on top, shown as one at `target`, with changes of the process's own. `upper`: the folder that keeps these,
    with a `work` folder on the same disk; empty: they end with the process."""

    sources: tuple[str, ...]
    target: str
    upper: str = ""
    work: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link at `path`."""

    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Box:
    """Everything that one process gets. `own` are mounts that Muster itself decides on: they may lie below a hidden path.

    `home` and `tmp` are folders of the host that become the private HOME (at `home_at`) and /tmp, if there are any. `hidden`: folders and files that are never
    shown, as real paths; `hidden_files` tells which are files. `reaps`: the first process is bubblewrap's, else the command itself.
    """

    cwd: str
    own: tuple[Mount | Overlay, ...]
    home: str
    home_at: str
    tmp: str
    system: tuple[Mount | Link, ...] = ()
    shown: tuple[Mount, ...] = ()
    hidden: frozenset[str] = frozenset()
    hidden_files: frozenset[str] = frozenset()
    proc: tuple[str, ...] = ()
    network: Network = "open"
    reaps: bool = False


def options(box: Box) -> list[str]:
    """bwrap's options, without the environment."""
    out = [*NAMESPACES, *CONFINEMENT, *([] if box.reaps else ["--as-pid-1"])]
    if box.network not in ("open", "joined"):
        out.append("--unshare-net")
    for item in box.system:
        out += ["--symlink", item.target, item.path] if isinstance(item, Link) else _bound(item)
    out += ["--proc", "/proc", "--dev", "/dev"]
    for name in box.proc:
        out += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    shown = allowed(box.shown, box.hidden)
    everything = [*(item for item in box.system if isinstance(item, Mount)), *shown]
    covered = covers(everything, box.hidden)
    steps = [(mount.target, _bound(mount)) for mount in (*_private(box), *shown, *box.own)]
    steps += [(target, _covered(target, source in box.hidden_files)) for source, target in covered]
    for _, step in sorted(steps, key=lambda step: step[0].count("/")):  # what lies deeper is mounted later
        out += step
    for source, target in covered:  # at last: mounts of Muster's own may lie in them
        out += [] if source in box.hidden_files else ["--remount-ro", target]
    return [*out, "--remount-ro", "/", "--chdir", box.cwd]


def allowed(shown: Iterable[Mount], hidden: Iterable[str]) -> list[Mount]:
    """The mounts outside of `hidden` paths. Each target occurs once, and is writable if one of its mounts is."""
    by_target: dict[str, Mount] = {}
    for mount in shown:
        if any(is_in(mount.source, folder) for folder in hidden):
            continue
        before = by_target.get(mount.target)
        if before is None or (mount.writable and not before.writable):
            by_target[mount.target] = mount
    return list(by_target.values())


def covers(shown: Sequence[Mount], hidden: Iterable[str]) -> list[tuple[str, str]]:
    """The hidden paths below the shown folders: each path on the host, and the path where the process would see it."""
    return [
        (path, mount.target.rstrip("/") + path[len(mount.source.rstrip("/")) :])
        for mount in shown
        for path in sorted(hidden)
        if path != mount.source and is_in(path, mount.source)
    ]


def is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _bound(mount: Mount | Overlay) -> list[str]:
    if isinstance(mount, Overlay):
        below = [word for source in mount.sources for word in ("--overlay-src", source)]
        return [*below, *(["--overlay", mount.upper, mount.work] if mount.upper else ["--tmp-overlay"]), mount.target]
    return ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]


def _covered(target: str, is_file: bool) -> list[str]:
    """An empty folder, or an empty file."""
    return ["--ro-bind", "/dev/null", target] if is_file else ["--tmpfs", target]


def _private(box: Box) -> list[Mount]:
    home = [Mount(box.home, box.home_at, writable=True)] if box.home_at not in ("", "/") else []
    tmp = [Mount(box.tmp, "/tmp", writable=True), Mount(box.tmp, "/var/tmp", writable=True)] if box.tmp else []
    return [*tmp, *home]
