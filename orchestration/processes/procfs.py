"""What /proc says about processes. Standard library only: the shim imports this file without the rest of Muster."""

import os
import signal
import time
from collections.abc import Iterable
from typing import NamedTuple

MARKER_VARIABLE = "MUSTER_SESSION_MARKER"
GIT_VARIABLE = "MUSTER_GIT_OF_SESSION"


class Seen(NamedTuple):
    """A living process. The number alone may be given to another one; number and start time together never are."""

    pid: int
    parent: int
    group: int
    session: int
    started: int


def look(pid: int) -> Seen | None:
    """The process if it lives. A zombie does not live, unless only its first thread has ended."""
    stat = _read(f"/proc/{pid}/stat")
    # The command name stands in parentheses and may hold anything, so the fields are counted from the last one.
    fields = stat.rpartition(b")")[2].split()
    if len(fields) < 20 or (fields[0] in (b"Z", b"X", b"x") and int(fields[17]) < 2):
        return None
    return Seen(pid, parent=int(fields[1]), group=int(fields[2]), session=int(fields[3]), started=int(fields[19]))


def numbers() -> list[int]:
    """The process ids of this moment."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def everyone() -> dict[int, Seen]:
    """All living processes. Not one moment: processes come and go while it is read."""
    found = (look(pid) for pid in numbers())
    return {process.pid: process for process in found if process}


def descendants(people: dict[int, Seen], roots: Iterable[int]) -> set[int]:
    """Everything below the roots, without the roots."""
    children: dict[int, list[int]] = {}
    for process in people.values():
        children.setdefault(process.parent, []).append(process.pid)
    below: set[int] = set()
    todo = list(roots)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in below:
                below.add(child)
                todo.append(child)
    return below


def carriers(people: Iterable[int], marker: str, variable: str = MARKER_VARIABLE) -> set[int]:
    """Those started with this session's marker in their environment. Never the caller itself."""
    wanted = f"{variable}={marker}".encode()
    found = set()
    for pid in people:
        environment = _read(f"/proc/{pid}/environ")
        if wanted in environment and wanted in environment.split(b"\0"):
            found.add(pid)
    return found - {os.getpid()}


def age_s(process: Seen) -> float:
    """How long it has lived. Never 0: the clock is finer than the ticks that the start time is rounded down to."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process.started / os.sysconf("SC_CLK_TCK")


def send(process: Seen, signum: int) -> bool:
    """Signal exactly this process. False: it is gone, and nobody else was hit, even if its number is in use again."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # The handle is held before the start time is compared, so from here on it cannot mean anybody else.
        now = look(process.pid)
        if now is None or now.started != process.started:
            return False
        signal.pidfd_send_signal(handle, signum)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _read(path: str) -> bytes:
    """The whole file; empty when the process is gone or somebody else's."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(handle, 65536):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(handle)
