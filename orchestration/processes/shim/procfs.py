"""Processes as /proc shows them. Standard library only: the shim imports this file without the rest of Muster."""

import os
import signal
import time
from collections.abc import Iterable
from typing import NamedTuple

MARKER_VARIABLE = "MUSTER_SESSION_MARKER"
MARKER_BYTES = 200
"""The longest marker."""
GIT_VARIABLE = "MUSTER_GIT_OF_SESSION"


class ProcessInfo(NamedTuple):
    """A living process. A pid can be reused; pid and start time together are unique until a reboot."""

    pid: int
    parent: int
    group: int
    session: int
    started: int


def read_process(pid: int) -> ProcessInfo | None:
    """None: dead or a zombie. A zombie whose other threads still run counts as alive."""
    stat = _read(f"/proc/{pid}/stat")
    # The command name is in parentheses and may contain any bytes, so the fields are counted after the last parenthesis.
    fields = stat.rpartition(b")")[2].split()
    if len(fields) < 20 or (fields[0] in (b"Z", b"X", b"x") and int(fields[17]) < 2):
        return None
    return ProcessInfo(pid, parent=int(fields[1]), group=int(fields[2]), session=int(fields[3]), started=int(fields[19]))


def exit_code(process: ProcessInfo) -> int | None:
    """The exit code of an ended process that its parent has not reaped; negative: the signal that ended it. None: it runs or is gone."""
    fields = _read(f"/proc/{process.pid}/stat").rpartition(b")")[2].split()
    if len(fields) < 50 or fields[0] != b"Z" or int(fields[19]) != process.started:
        return None
    return os.waitstatus_to_exitcode(int(fields[49]))


def is_frozen(pid: int) -> bool:
    """True if a signal has stopped the process: it runs nothing until it gets SIGCONT."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:1] in ([b"T"], [b"t"])


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def all_processes() -> dict[int, ProcessInfo]:
    """All living processes. Not an atomic snapshot: processes start and end while it is read."""
    running = (read_process(pid) for pid in all_pids())
    return {process.pid: process for process in running if process}


def descendants(processes: dict[int, ProcessInfo], roots: Iterable[int]) -> set[int]:
    """All processes below the roots, without the roots."""
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    below: set[int] = set()
    unvisited = list(roots)
    while unvisited:
        for child in children.get(unvisited.pop(), ()):
            if child not in below:
                below.add(child)
                unvisited.append(child)
    return below


def below(root: int) -> dict[int, ProcessInfo]:
    """All living processes below one, by the kernel's lists of children: much faster than all of /proc. Look again before you believe that
    there is none: an entry may be missing while its neighbour ends, and some kernels keep no such lists."""
    living: dict[int, ProcessInfo] = {}
    unvisited = [root]
    while unvisited:
        for child in _children(unvisited.pop()):
            if child not in living and (process := read_process(child)):
                living[child] = process
                unvisited.append(child)
    return living


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(f"/proc/{pid}/task/{thread}/children").split()]


def carrying_marker(pids: Iterable[int], marker: str, variable: str = MARKER_VARIABLE, *, stages: bool = False) -> set[int]:
    """The pids that were started with this session's marker in their environment. Excludes the caller. `stages`: also with `MARKER.NAME`."""
    setting = f"{variable}={marker}".encode()
    carriers = set()
    for pid in pids:
        environment = _read(f"/proc/{pid}/environ")
        if setting not in environment:
            continue
        variables = environment.split(b"\0")
        if setting in variables or (stages and any(each.startswith(setting + b".") for each in variables)):
            carriers.add(pid)
    return carriers - {os.getpid()}


def age_s(process: ProcessInfo) -> float:
    """Seconds since its start. Never 0: the start time is rounded down to clock ticks."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process.started / os.sysconf("SC_CLK_TCK")


def send_signal(process: ProcessInfo, signum: int) -> bool:
    """Signal exactly this process. False: it is gone; a new process with its pid is never hit."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # The handle is open before the start time is compared, so it cannot refer to another process.
        current = read_process(process.pid)
        if current is None or current.started != process.started:
            return False
        signal.pidfd_send_signal(handle, signum)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _read(path: str) -> bytes:
    """The whole file; empty if the process is gone or belongs to another user."""
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
