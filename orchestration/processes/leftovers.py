"""Finding and ending what a dead worker left behind, and reading what it had written."""

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
    """One process for ever: the number may be used again, after a reboot even with the same start time."""

    pid: int
    starttime: int
    boot_id: str


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int) -> Identity | None:
    """None: no such process, or it is a zombie."""
    seen = procfs.look(pid)
    return Identity(pid, seen.started, boot_id()) if seen else None


def alive(who: Identity) -> bool:
    return identity(who.pid) == who


def marked(marker: str) -> list[int]:
    """Living processes of this session, its shim included. Never the caller."""
    return sorted(procfs.carriers(procfs.everyone(), marker))


def end_marked(marker: str, grace_s: float = 0, *, cgroup_parent: str = "") -> int:
    """End everything that carries the marker and everything below it. Answers how many live on: 0 is proof of death.

    Bounded: grace_s plus a few seconds. With grace the shim, if it lives, ends its tree in order by itself.
    """

    def find() -> tuple[set[int], Processes]:
        people = procfs.everyone()
        found = procfs.carriers(people, marker)
        return found | (procfs.descendants(people, found) - {os.getpid()}), people

    groups = cgroups.left(marker, cgroup_parent)
    ending = TreeKill(find, grace_s=grace_s, now=time.monotonic(), cgroup=groups[0] if groups else None)
    while not ending.over:
        pause = ending.step(time.monotonic())
        if not ending.over:
            time.sleep(pause)
    for group in groups:
        group.remove()
    return ending.survivors


def end_old_gits(marker: str, *, after_s: float) -> int:
    """A dead worker's git goes on by itself. It is left to finish, for half of a git leaves locks and half-written files; one that hangs is
    asked to end, which it does tidily. Answers how many live.
    """
    people = procfs.everyone()
    found = procfs.carriers(people, marker, procfs.GIT_VARIABLE)
    for pid in found:
        if procfs.age_s(people[pid]) > after_s:
            procfs.send(people[pid], signal.SIGTERM)
    return len(found)


def read_status(path: Path) -> dict[str, Any] | None:
    """The shim's last word. None: it never came to say it."""
    try:
        status = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None


def read_journal(path: Path) -> Iterator[str]:
    """The lines the agent wrote to stdout, delivered or not. A last line without its end was cut by death and is left out."""
    try:
        journal = path.open("rb")
    except OSError:
        return
    with journal:
        while line := journal.readline(MAX_LINE_BYTES):
            if line.endswith(b"\n"):
                yield readable(line[:-1])


def readable(line: bytes) -> str:
    """Text that any database takes: bytes that are not UTF-8 stay visible as \\xNN, NUL goes."""
    return line.removesuffix(b"\r").decode("utf-8", "backslashreplace").replace("\0", "")
