"""Find and end the processes that a dead worker left behind, and read what they wrote."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.processes import cgroups, procfs
from orchestration.processes.tree_kill import Processes, TreeKill

MAX_LINE_BYTES = 2**21


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, unique for ever: pids are reused, and after a reboot even pid and start time can repeat."""

    pid: int
    starttime: int
    boot_id: str


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int) -> Identity | None:
    """None: no such process, or a zombie."""
    process = procfs.read_process(pid)
    return Identity(pid, process.started, boot_id()) if process else None


def is_alive(process: Identity) -> bool:
    return identity(process.pid) == process


def marked_pids(marker: str) -> list[int]:
    """Living processes of this session, its shim included. Excludes the caller."""
    return sorted(procfs.carrying_marker(procfs.all_processes(), marker))


def end_marked(marker: str, grace_s: float = 0, *, cgroup_parent: str = "") -> int:
    """End all processes that carry the marker, and their descendants. Returns the number of survivors: 0 is proof of death.

    Takes at most `grace_s` plus a few seconds. With a grace, a living shim ends its tree in order.
    """

    def find() -> tuple[set[int], Processes]:
        processes = procfs.all_processes()
        pids = procfs.carrying_marker(processes, marker)
        return pids | (procfs.descendants(processes, pids) - {os.getpid()}), processes

    groups = cgroups.leftover_groups(marker, cgroup_parent)
    tree_kill = TreeKill(find, grace_s=grace_s, now=time.monotonic(), cgroup=groups[0] if groups else None)
    while not tree_kill.over:
        pause = tree_kill.step(time.monotonic())
        if not tree_kill.over:
            time.sleep(pause)
    for group in groups:
        group.remove()
    return tree_kill.survivors


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
        status = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None


def read_journal(path: Path) -> Iterator[str]:
    """The lines that the agent wrote to stdout, delivered or not. Leaves out a last line without its newline."""
    try:
        journal = path.open("rb")
    except OSError:
        return
    with journal:
        while line := journal.readline(MAX_LINE_BYTES):
            if line.endswith(b"\n"):
                yield decode(line[:-1])


def decode(line: bytes) -> str:
    """Text that any database accepts: bytes that are not UTF-8 become \\xNN, NUL is removed."""
    return line.removesuffix(b"\r").decode("utf-8", "backslashreplace").replace("\0", "")
