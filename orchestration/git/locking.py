"""A lock among all threads, processes and hosts that share a folder."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.git.command import GitError

LOCK_TIMEOUT_S = 120.0


@contextmanager
def exclusive(folder: Path, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the folder's lock, which ends with the process that holds it. Raises GitError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        give_up_at = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise GitError("lock", f"{folder / '.lock'} has been held for {timeout_s:g} s") from None
                time.sleep(0.01)
        yield
