"""Forks the shims of one worker process, which import nothing any more: a program of its own, started by path. Standard library only.

Requests come on its stdin, a socket: file descriptors, as forked_shim.py sends them. It ends with that socket, which means with its worker.
Its shims have pipes of their own to the worker, and end by those.
"""

import ctypes
import gc
import os
import select
import signal
import socket
import sys
from typing import NoReturn

# After the standard library's own folders, so that no file here can shadow one of its modules.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import procfs
import shim

REQUESTS = 0
MAX_HANDLES = 5
PR_SET_CHILD_SUBREAPER = 36
ENV_START = 47  # of the fields in /proc/PID/stat behind the process's name


class ForkServer:
    def __init__(self) -> None:
        self.requests = socket.socket(fileno=REQUESTS)
        self.deaths = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)  # a byte for each SIGCHLD
        signal.set_wakeup_fd(self.deaths[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll = select.poll()
        self.poll.register(REQUESTS, select.POLLIN)
        self.poll.register(self.deaths[0], select.POLLIN)
        self.shims: dict[int, int] = {}  # by pid: the socket on which the worker waits for its end

    def serve(self) -> None:
        while True:
            for handle, _ in self.poll.poll():
                if handle != REQUESTS:
                    self.wait_for_the_dead()
                elif not self.take_request():
                    return

    def take_request(self) -> bool:
        """False: the worker is gone."""
        word, handles, _, _ = socket.recv_fds(self.requests, 1, MAX_HANDLES, socket.MSG_CMSG_CLOEXEC)
        if not word:
            return False
        try:
            reply, *others = handles
            pid = os.fork()
            if pid == 0:
                self.become_shim(reply, others)
            self.shims[pid] = reply
        except (OSError, ValueError):  # no process or no descriptor is free: the worker sees the end of its socket
            others = handles
        for handle in others:
            os.close(handle)
        return True

    def become_shim(self, reply: int, handles: list[int]) -> NoReturn:
        """Turn this forked child into a shim. It starts its agent only once the worker has answered: a worker that got no pid starts another shim instead."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for handle in (*self.deaths, *self.shims.values()):
                os.close(handle)
            spec_handle, commands, frames, *way_out = handles
            os.dup2(commands, shim.COMMANDS)  # over the requests of its parent
            os.dup2(frames, shim.FRAMES)
            os.close(commands)
            os.close(frames)
            os.setsid()
            spec = shim.read_spec(spec_handle, *way_out)
            put_marker(spec["marker"])
            os.write(reply, b"pid %d" % os.getpid())
            if os.read(reply, 1):
                os.close(reply)
                shim.supervise(spec)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)

    def wait_for_the_dead(self) -> None:
        """Shims, and what killed shims left behind: that is this process's then, and ends too."""
        os.read(self.deaths[0], 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                break
            if (reply := self.shims.pop(pid, None)) is not None:
                try:
                    os.write(reply, b"exit %d" % os.waitstatus_to_exitcode(status))
                except OSError:  # nobody waits for it any more
                    pass
                os.close(reply)
        self.kill_orphans()

    def kill_orphans(self) -> None:
        """Each death of one is a signal, so that those which it started meanwhile are found by the next call."""
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", "rb") as children:
                pids = {int(pid) for pid in children.read().split()}
        except OSError:  # a kernel without that list: the worker has looked for them itself
            return
        for pid in pids - self.shims.keys():
            os.kill(pid, signal.SIGKILL)  # a child that is not waited for keeps its pid


def put_marker(marker: str) -> None:
    """Write it over the marker in this process's environment, as /proc shows that: a dead worker's shim is found by it."""
    with open("/proc/self/environ", "rb") as environ, open("/proc/self/stat", "rb") as stat:
        at = environ.read().index(procfs.MARKER_VARIABLE.encode() + b"=") + len(procfs.MARKER_VARIABLE) + 1
        start = int(stat.read().rpartition(b")")[2].split()[ENV_START])
    ctypes.memmove(start + at, marker.encode().ljust(procfs.MARKER_BYTES, b"\0"), procfs.MARKER_BYTES)


def main() -> None:
    """Ends with its worker only: a service manager that stops all processes at once must still learn how the shims end."""
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # each shim handles them
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    gc.freeze()  # what is there now is shared with each shim, unless something writes to it
    ForkServer().serve()
