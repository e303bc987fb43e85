"""Starts shims: forked by a fork server of this process (shim/fork_server.py), or as a Python of their own where that fails."""

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import structlog

from orchestration.processes.shim import procfs
from orchestration.processes.shim.shim_sandbox import file_with

log = structlog.get_logger(__name__)

FOLDER = Path(__file__).parent / "shim"
# As modules, whose compiled form is kept: a script is compiled again at each start.
IMPORT = "import os, sys; sys.path.append(os.path.dirname(sys.argv[1])); import "
START_SHIM = IMPORT + "shim; shim.main(*map(int, sys.argv[2:]))"
START_SERVER = IMPORT + "fork_server; fork_server.main()"
PR_SET_CHILD_SUBREAPER = 36
ANSWER_S = 10.0  # on a host under much load, where a new Python takes even longer
MAX_REPLY_BYTES = 40


class ShimProcess(Protocol):
    """A process with the interface of subprocess.Popen. `returncode` None: it has not ended, or nobody knows how."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def wait(self, timeout: float) -> object: ...

    def kill(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Shim:
    """A shim that was started, with the worker's ends of its pipes."""

    process: ShimProcess
    commands: IO[bytes]
    frames: IO[bytes]


class Forked:
    """A shim whose parent is the fork server, which reports its end on `reply`."""

    def __init__(self, process: procfs.ProcessInfo, reply: socket.socket) -> None:
        self.pid = process.pid
        self.returncode: int | None = None
        self._process = process
        self._reply = reply

    def wait(self, timeout: float) -> None:
        """Raises subprocess.TimeoutExpired. Needs no living fork server: if that died, the shim is a child of this process; if it is frozen,
        the kernel still says how the shim ended."""
        if self._reply.fileno() < 0:
            return
        self._reply.settimeout(timeout)
        began = time.monotonic()
        word = code = b""
        try:
            word, _, code = self._reply.recv(MAX_REPLY_BYTES).partition(b" ")
        except TimeoutError:
            self.returncode = procfs.exit_code(self._process)
            if self.returncode is None:
                raise subprocess.TimeoutExpired("shim", timeout) from None
            self._reply.close()
            return
        except OSError:  # the server died before it had read all
            pass
        self.returncode = int(code) if word == b"exit" else self._wait_as_parent(timeout - (time.monotonic() - began))
        self._reply.close()

    def _wait_as_parent(self, timeout: float) -> int | None:
        """The exit code of a shim whose server has died. None: it cannot be known any more. Raises subprocess.TimeoutExpired."""
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return None
        try:
            if not select.select([handle], [], [], max(timeout, 0))[0]:
                raise subprocess.TimeoutExpired("shim", timeout)
            code = procfs.exit_code(self._process)  # by the kernel: a server that is just dying may still be the parent
            with suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, handle, os.WEXITED)
            return code
        finally:
            os.close(handle)

    def kill(self) -> None:
        procfs.send_signal(self._process, signal.SIGKILL)


class Server:
    """The fork server of this process, started when it is needed. One that is dead, or does not answer, is replaced; the shims of a dead one
    become children of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: socket.socket | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def fork(self, marker: str, handles: Sequence[int]) -> Forked | None:
        """None: it failed, and no shim of this call will ever start an agent."""
        if len(marker.encode()) > procfs.MARKER_BYTES:
            return None
        requests = self._current()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(ANSWER_S)
        theirs.setblocking(True)  # Celery, as it shuts down, makes new sockets of its process time out
        try:
            with theirs:
                socket.send_fds(requests, [b"."], [theirs.fileno(), *handles])
            word, _, pid = ours.recv(MAX_REPLY_BYTES).partition(b" ")
            process = procfs.read_process(int(pid)) if word == b"pid" else None
            if process is None:
                raise OSError(f"it answered {word!r}")
            ours.send(b".")
        except OSError as problem:
            log.warning("fork_server.failed", error=str(problem))
            ours.close()
            self.forget(requests)
            return None
        return Forked(process, ours)

    def _current(self) -> socket.socket:
        with self._lock:
            if self._requests is None:
                ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
                self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self._requests.settimeout(ANSWER_S)
                self._processes = [process for process in self._processes if process.poll() is None]
                with theirs:
                    self._processes.append(
                        _python(START_SERVER, "fork_server.py", "-" * procfs.MARKER_BYTES, stdin=theirs.fileno())
                    )
            return self._requests

    def forget(self, requests: socket.socket | None = None) -> None:
        """It ends once it has read all requests. It is not killed: others wait for its word on the end of their shims."""
        with self._lock:
            if self._requests is not None and requests in (None, self._requests):
                self._requests.close()
                self._requests = None


server = Server()


def start(marker: str, spec: bytes, way_out: socket.socket | None) -> Shim:
    """`way_out`: closed here; its end is the end of the sandbox's proxy, and the shim has a copy."""
    network = [way_out.fileno()] if way_out else []
    spec_file = file_with(spec)
    try:
        # Pipes of its own for each try: a server that does not answer may keep what it was sent.
        return _with_pipes(lambda *pipes: server.fork(marker, [spec_file, *pipes, *network])) or _new_python(
            marker, [spec_file, *network]
        )
    finally:
        os.close(spec_file)
        if way_out:
            way_out.close()


def _new_python(marker: str, handles: Sequence[int]) -> Shim:
    def start(commands: int, frames: int) -> ShimProcess:
        return _python(START_SHIM, "shim.py", marker, *map(str, handles), stdin=commands, stdout=frames, pass_fds=handles)

    shim = _with_pipes(start)
    assert shim
    return shim


def _with_pipes(start: Callable[[int, int], ShimProcess | None]) -> Shim | None:
    """`start` gets the shim's ends, for commands and for frames."""
    commands_read, commands = os.pipe()
    frames, frames_write = os.pipe()
    process = None
    try:
        process = start(commands_read, frames_write)
    finally:
        for handle in (commands_read, frames_write, *(() if process else (commands, frames))):
            os.close(handle)
    return Shim(process, os.fdopen(commands, "wb", 0), os.fdopen(frames, "rb", 0)) if process else None


def _python(
    code: str, file: str, marker: str, *arguments: str, stdin: int, stdout: int = subprocess.DEVNULL, pass_fds: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    """It carries the marker from its start, so that the reaper cannot miss a session that is just starting."""
    environment = {procfs.MARKER_VARIABLE: marker}
    if "LD_LIBRARY_PATH" in os.environ:  # some Pythons do not start without it
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, str(FOLDER / file), *arguments],
        stdin=stdin,
        stdout=stdout,
        env=environment,
        start_new_session=True,
        pass_fds=pass_fds,
    )
