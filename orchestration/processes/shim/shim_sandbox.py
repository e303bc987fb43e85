"""The shim's side of a sandbox: it starts bubblewrap, and learns from its first process which process is the agent and how that ended.

Standard library only, like the shim.
"""

import _socket
import os
from typing import Any

if __package__:
    from . import procfs
else:  # in the shim, which runs without the package
    import procfs  # type: ignore[no-redef]

MAX_REPORT_BYTES = 10_000


class Sandbox:
    """One sandbox. `spec`: as agent_process.Sandboxed. `env`: the agent's. `argv`: its command."""

    def __init__(self, spec: dict[str, Any], env: dict[str, str], argv: list[str]) -> None:
        ours, theirs = _socket.socketpair()  # a pipe could be opened inside, by the first process's folder in /proc
        self.reports, self._writer = ours.detach(), theirs.detach()
        os.set_blocking(self.reports, False)
        self._unread = b""
        self._size = 0
        self._arguments = file_with(arguments(spec["options"], env | spec["env"]))
        limits = ",".join(f"{name}={value}" for name, value in spec["limits"].items() if value)
        network = [str(number) for number in spec.get("network", ())]
        without = ",".join(name for name in ("PWD", *spec["env"]) if name not in env)
        self.argv = [
            spec["bwrap"],
            "--args",
            str(self._arguments),
            *spec["init"],
            str(self._writer),
            limits,
            without,
            ",".join(network),
            "--",
            *argv,
        ]
        self.passed = (self._arguments, self._writer, *(int(handle) for handle in network[:1]))
        self.ended: tuple[int | None, int | None] | None = None
        self.failed = ""
        self.started = False
        self.last_words = b""

    def close_handles(self) -> None:
        """bubblewrap has its copies now. The network's stays open: its end is the end of the proxy."""
        for handle in (self._arguments, self._writer):
            os.close(handle)

    def read(self) -> bool:
        """Take the reports that have come. False: no more will."""
        try:
            data = os.read(self.reports, MAX_REPORT_BYTES)
        except BlockingIOError:
            return True
        self._size += len(data)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._take(line)
        return bool(data) and self._size < MAX_REPORT_BYTES  # an agent that can reach the pipe gains nothing by it

    def _take(self, line: bytes) -> None:
        word, _, value = line.decode("utf-8", "replace").partition(" ")
        if word == "failed" and not self.started:  # once the agent runs, this would come from the agent
            self.failed = value[:500]
        self.started = True
        if self.failed:
            return
        if word in ("exited", "signalled") and value.isascii() and value.isdigit() and len(value) < 4 and self.ended is None:
            self.ended = (int(value), None) if word == "exited" else (None, int(value))


def leader_of(bubblewrap: int) -> procfs.ProcessInfo | None:
    """The agent itself: the oldest child of the sandbox's first process."""
    processes = procfs.below(bubblewrap)
    first = _below(processes, bubblewrap)
    return _below(processes, first.pid) if first else None


def _below(processes: dict[int, procfs.ProcessInfo], parent: int) -> procfs.ProcessInfo | None:
    children = [process for process in processes.values() if process.parent == parent]
    return min(children, key=lambda process: (process.started, process.pid), default=None)


def machinery(processes: dict[int, procfs.ProcessInfo], bubblewrap: int) -> set[int]:
    """bubblewrap and the first process. A signal to them would end the sandbox before its agent could end in order."""
    return {pid for pid, process in processes.items() if bubblewrap in (pid, process.parent)}


def arguments(options: list[str], env: dict[str, str]) -> bytes:
    """In a file and not on the command line, which every user of the host can read: the environment has the agent's token."""
    parts = [*options]
    for name, value in env.items():
        parts += ["--setenv", name, value]
    return b"".join(os.fsencode(part) + b"\0" for part in parts)


def file_with(content: bytes) -> int:
    handle = os.memfd_create("sandbox")
    with open(handle, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle
