"""Sessions are prepared in turns: of many that were dispatched together the first agents start early, where all would start late.

Preparing keeps a core busy, and a process has one interpreter: ten at once would each take as long as all of them.
"""

import os
import threading
import time
from collections.abc import Callable

AT_ONCE = 2 * (os.cpu_count() or 2)  # each waits half of its time for git and the disk
PATIENCE_S = 1.0
"""A clone or a remote may take long: the others go on beside it."""
LOOK_S = 0.05


class Turns:
    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = threading.Semaphore(at_once)
        self._of_thread = threading.local()

    def take(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Wait for this thread's turn: as long as others are patient, or until the session is over."""
        until = time.monotonic() + PATIENCE_S
        while not (mine := self._free.acquire(timeout=LOOK_S)) and time.monotonic() < until and not is_over():
            pass
        self._of_thread.is_taken = mine

    def give_back(self) -> None:
        """End this thread's turn, if it has one."""
        if getattr(self._of_thread, "is_taken", False):
            self._of_thread.is_taken = False
            self._free.release()


turns = Turns()
