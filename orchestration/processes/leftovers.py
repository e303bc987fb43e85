"""Find and end the processes that a dead worker left behind, and read what they wrote."""

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from orchestration.processes.shim import cgroups, procfs
from orchestration.processes.shim.tree_kill import Processes, TreeKill

MAX_LINE_BYTES = 2**24
MAX_STATUS_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, unique for ever: pids are reused, and after a reboot even pid and start time can repeat."""

    pid: int
    starttime: int
    boot_id: str


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int) -> Identity | None:
    """The identity of a live process. None: there is no such process, or it is a zombie."""
    process = procfs.read_process(pid)
    return Identity(pid, process.started, boot_id()) if process else None


def is_alive(process: Identity) -> bool:
    return identity(process.pid) == process


def marked_pids(marker: str) -> list[int]:
    """Living processes of this session, its shim included. Excludes the caller."""
    return sorted(procfs.carrying_marker(procfs.all_processes(), marker))


def tree(marker: str, *, but: Identity | None = None, stages: bool = False) -> tuple[set[int], Processes]:
    """The pids of the living processes that carry the marker and of their descendants, `but` one; and all processes. `stages`: with those of
    its stages."""
    processes = procfs.all_processes()
    pids = procfs.carrying_marker(processes, marker, stages=stages)
    pids |= procfs.descendants(processes, pids) - {os.getpid()}
    if but is not None and but.pid in pids and processes[but.pid].started == but.starttime:
        pids.remove(but.pid)
    return pids, processes


def end_session(marker: str, grace_s: float) -> int:
    """End a session or a lander with its stages: their markers are `MARKER.NAME`. Returns the number of survivors."""
    survivors = end_marked(marker, grace_s)
    tree_kill = TreeKill(lambda _: tree(marker, stages=True), grace_s=grace_s, now=time.monotonic())
    _end(tree_kill)
    for group in cgroups.leftover_groups(marker, stages=True):
        group.remove()
    return survivors + tree_kill.survivors


def end_marked(marker: str, grace_s: float = 0, *, cgroup_parent: str = "", shim: Identity | None = None) -> int:
    """End all processes that carry the marker, and their descendants. Returns the number of survivors: 0 is proof of death.

    Takes at most `grace_s` plus a few seconds. With a grace, a living shim ends its tree in order. `shim` ends last: frozen or not, it is
    the parent of what the agent's processes leave behind while they are ended.
    """
    groups = cgroups.leftover_groups(marker, cgroup_parent)
    cgroup = groups[0] if groups else None
    if shim is not None:
        _end(TreeKill(lambda _: tree(marker, but=shim), grace_s=grace_s, now=time.monotonic(), cgroup=cgroup))
    tree_kill = TreeKill(lambda _: tree(marker), grace_s=grace_s, now=time.monotonic(), cgroup=cgroup)
    _end(tree_kill)
    for group in groups:
        group.remove()
    cgroups.remove_limits(marker)
    return tree_kill.survivors


def _end(tree_kill: TreeKill) -> None:
    while not tree_kill.over:
        pause = tree_kill.step(time.monotonic())
        if not tree_kill.over:
            time.sleep(pause)


def end_stale_gits(marker: str, *, after_s: float) -> int:
    """Returns the number of git processes of a dead worker that are still running.

    They may finish, since a killed git leaves locks and half-written files. One older than `after_s` hangs and gets TERM, on which git
    cleans up.
    """
    processes = procfs.all_processes()
    pids = procfs.carrying_marker(processes, marker, procfs.GIT_VARIABLE)
    for pid in pids:
        if procfs.age_s(processes[pid]) > after_s:
            procfs.send_signal(processes[pid], signal.SIGTERM)
    return len(pids)


def read_status(path: Path) -> dict[str, Any] | None:
    """The shim's final status. None: it died before it wrote one."""
    try:
        with _open_file(path) as file:
            status = json.loads(file.read(MAX_STATUS_BYTES))
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None


def read_journal(path: Path, *, start: int = 0, limit_bytes: int = 2**26) -> Iterator[str]:
    """The lines that the agent wrote to stdout, delivered or not, from `start` on. Leaves out a last line without its newline, and what is
    beyond the limit: an agent may have written to the file itself."""
    try:
        journal = _open_file(path)
    except OSError:
        return
    with journal:
        journal.seek(start)
        while journal.tell() < start + limit_bytes and (line := journal.readline(MAX_LINE_BYTES)):
            if line.endswith(b"\n"):
                yield decode(line[:-1])


def _open_file(path: Path) -> BinaryIO:
    """A file only: a pipe that an agent put in its place would make the reader wait for ever. Raises OSError."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path} is no file")
    return file


def decode(line: bytes) -> str:
    """Text that any database accepts: bytes that are not UTF-8 become \\xNN, NUL is removed."""
    return line.removesuffix(b"\r").decode("utf-8", "backslashreplace").replace("\0", "")
