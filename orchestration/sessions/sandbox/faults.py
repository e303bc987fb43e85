"""Faults of this host while a sandbox is built or a program is started: they are no entry's."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from orchestration.processes.agent_process import Ended
from orchestration.sessions.sandbox.deciding import HostFault
from workspaces.machine import disk

NO_SANDBOX = "the sandbox could not be made"  # as the shim begins its sentence
NOT_THERE = ("No such file", "Permission denied", "Exec format error", "Not a directory")


@contextmanager
def building() -> Iterator[None]:
    """Raises HostFault for an error of the host; a full disk has its own way (disk.py)."""
    try:
        yield
    except OSError as problem:
        if disk.is_full(problem):
            raise
        raise HostFault(
            f"The sandbox could not be built: {problem}. Let the worker's user read it, or take it out of the config"
        ) from problem


def check_start(argv: Sequence[str], ended: Ended) -> Ended:
    """The end of a process that was started. Raises HostFault for one that could not be, unless it was to come from the working copy."""
    if ended.cause != "start_failed":
        return ended
    is_own = "/" in argv[0] and not os.path.isabs(argv[0])
    if NO_SANDBOX in ended.error or (not is_own and any(words in ended.error for words in NOT_THERE)):
        raise HostFault(f"{argv[0]} could not be started: {ended.error}")
    return ended
