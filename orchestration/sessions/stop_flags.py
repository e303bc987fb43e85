"""The stop requests for a session under supervision, and whether its worker may still act on it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from django.conf import settings


class Killable(Protocol):
    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def renew(self, at: float) -> None: ...


class StopFlags:
    """One supervised session, shared by its thread, the heartbeat and the fence. `reason`: why it must end; empty: it may continue.

    `money_left`: micro-USD of its reservation as last read; None: it has none.
    """

    def __init__(self, session_id: str, attempt: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.session_id = session_id
        self.attempt = attempt
        self.clock = clock
        self._lock = threading.Lock()
        self._reason = ""
        self._process: Killable | None = None
        self._companions: list[Killable] = []
        self._hurried = False
        self.renewed_at = clock()
        self.money_left: int | None = None

    @property
    def reason(self) -> str:
        return self._reason

    def request_end(self, reason: str) -> None:
        """End the session: stopped | interrupted | superseded | fenced. The first reason stays, unless a harder one follows."""
        with self._lock:
            if not self._reason or reason in ("superseded", "fenced"):
                self._reason = reason
            process, companions = self._process, [*self._companions]
        if reason in ("superseded", "fenced"):
            for companion in companions:
                companion.kill()
        if process is not None:
            if reason in ("superseded", "fenced"):
                process.kill()
            else:
                process.stop()

    @contextmanager
    def accompanied(self, process: Killable) -> Iterator[None]:
        """Renew the lease of a second process until the end of the block. A stop request is not for it."""
        with self._lock:
            self._companions.append(process)
        process.renew(self.renewed_at)
        try:
            yield
        finally:
            with self._lock:
                self._companions.remove(process)

    def renew(self, at: float) -> None:
        """The lease was renewed then."""
        self.renewed_at = at
        for process in (self._process, *self._companions):
            if process is not None:
                process.renew(at)

    def hurry(self) -> None:
        """Skip the grace: kill the running process, and every later one that should not run."""
        with self._lock:
            is_first, self._hurried, process = not self._hurried, True, self._process
        if is_first and process is not None:
            process.kill()

    def attach(self, process: Killable | None) -> None:
        """Set the session's running process. If the session must end, the process is stopped at once."""
        with self._lock:
            self._process = process
        if process is not None:
            process.renew(self.renewed_at)  # it may have been renewed since the process was started
        if process is not None and self._reason:
            if self._hurried:
                process.kill()
            else:
                process.stop()

    def stop_process(self) -> None:
        """End the running process but not the session: its reservation is used up, its work is kept."""
        process = self._process
        if process is not None:
            process.stop()

    @property
    def may_act(self) -> bool:
        """Self-fencing: without a renewal for three quarters of the lease, kill before another host may consider the session dead."""
        return bool(self.clock() - self.renewed_at < settings.LEASE_S * 0.75)
