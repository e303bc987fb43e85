"""Joins the namespaces of a running process. Standard library only, like the shim."""

import ctypes
import os
from collections.abc import Sequence

if __package__:
    from . import procfs
else:  # in the shim, which runs without the package
    import procfs  # type: ignore[no-redef]

JOINED = ("user", "net")
"""In this order: the user namespace gives the right to join the other."""


def join(process: Sequence[int]) -> None:
    """`process`: the fields of a procfs.ProcessInfo. In a child before its exec, which has one thread. Raises OSError if the process is gone."""
    expected = procfs.ProcessInfo(*process)
    libc = ctypes.CDLL(None, use_errno=True)
    handles = [os.open(f"/proc/{expected.pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in JOINED]
    # The handles are open before the start time is compared, so they cannot be those of another process with its pid.
    now = procfs.read_process(expected.pid)
    if now is None or now.started != expected.started:
        raise OSError("the stage's network is gone")
    for handle in handles:
        if libc.setns(handle, 0):
            raise OSError(ctypes.get_errno(), f"the stage's network cannot be joined: {os.strerror(ctypes.get_errno())}")
        os.close(handle)
