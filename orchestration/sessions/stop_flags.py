"""What a supervisor must know while it runs a session: wishes from the database, and whether it may still act on it."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from django.conf import settings


class Killable(Protocol):
    def stop(self) -> None: ...

    def kill(self) -> None: ...


class StopFlags:
    """One supervised session, shared by its thread, the heartbeat and the fence. `reason` says why it must end, if it must."""

    def __init__(self, session_id: str, attempt: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.session_id = session_id
        self.attempt = attempt
        self.clock = clock
        self._lock = threading.Lock()
        self._reason = ""
        self._process: Killable | None = None
        self._hurried = False
        self.renewed_at = clock()
        self.left: int | None = None

    @property
    def reason(self) -> str:
        return self._reason

    def want(self, reason: str) -> None:
        """The session must end: stopped | interrupted | superseded | fenced. The first reason stays, but for a harder one."""
        with self._lock:
            if not self._reason or reason in ("superseded", "fenced"):
                self._reason = reason
            process = self._process
        if process is not None:
            if reason in ("superseded", "fenced"):
                process.kill()
            else:
                process.stop()

    def hurry(self) -> None:
        """Somebody will not wait for its grace: what runs is killed now, and what would run next is, too."""
        with self._lock:
            fresh, self._hurried, process = not self._hurried, True, self._process
        if fresh and process is not None:
            process.kill()

    def attach(self, process: Killable | None) -> None:
        """The process that is running for the session now; one that must not run is stopped at once."""
        with self._lock:
            self._process = process
        if process is not None and self._reason:
            if self._hurried:
                process.kill()
            else:
                process.stop()

    def stop_process(self) -> None:
        """End what runs now, not the session: its hold is used up, its work is kept."""
        process = self._process
        if process is not None:
            process.stop()

    @property
    def may_act(self) -> bool:
        """Self-fencing: without a renewal for three quarters of the lease, kill before another host may believe it dead."""
        return self.clock() - self.renewed_at < settings.LEASE_S * 0.75
