"""The gateway's statements, in threads: its event loop never waits for the database. They are retried while it is unavailable. Caches are refreshed in the
background, so that hardly a request waits for them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import structlog
from django.db import InterfaceError, InternalError, OperationalError, close_old_connections, connection, connections

from orchestration.facts import waits

log = structlog.get_logger(__name__)

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
RETRY_S = 0.25
MAX_CACHED = 5_000
_sending = ThreadPoolExecutor(max_workers=8, thread_name_prefix="sending")
_booking = ThreadPoolExecutor(max_workers=4, thread_name_prefix="booking")
"""A pool of their own: books lock their workspace's row, and would keep requests from being sent."""
MAX_CONNECTIONS = 16
"""The process's limit of connections, with the lease's."""


_deferred: set[asyncio.Task[object]] = set()
UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
"""InternalError: the server is read-only, like the old primary after a failover."""
BUSY_TIMEOUT_S = 2
"""SQLite's busy_timeout: the wait of one attempt for another writer."""


class Unavailable(Exception):
    """The database gave no answer in time."""


def shorten_busy_timeout() -> None:
    """Bound the time for which an attempt holds its thread."""
    given = connections.settings["default"]
    if given["ENGINE"].endswith("sqlite3"):
        given["OPTIONS"]["timeout"] = BUSY_TIMEOUT_S


async def run(action: Callable[[], T], *, patience_s: float | None = None, books: bool = False) -> T:
    """Run a repeatable action. Raises Unavailable after the patience: the action may still be done then."""
    threads = _booking if books else _sending
    until = time.monotonic() + (waits.DATABASE_S if patience_s is None else patience_s)
    while True:
        try:
            async with asyncio.timeout(max(until - time.monotonic(), RETRY_S)):
                return await asyncio.get_running_loop().run_in_executor(threads, _once, action)
        except TimeoutError:
            raise Unavailable("it does not answer") from None
        except UNAVAILABLE as problem:
            if time.monotonic() > until:
                raise Unavailable(str(problem).split("\n")[0]) from None
            await asyncio.sleep(RETRY_S)


def defer(action: Callable[[], object]) -> None:
    """Run an action once the database is back."""
    task: asyncio.Task[object] = asyncio.create_task(run(action, patience_s=86_400, books=True))
    _deferred.add(task)
    task.add_done_callback(_deferred.discard)


def _once(action: Callable[[], T]) -> T:
    try:
        return action()
    except UNAVAILABLE:
        connection.close()
        raise
    finally:
        if not connection.in_atomic_block:
            close_old_connections()


class RefreshingCache(Generic[K, V]):
    """A cache that refreshes in the background from `fresh_s` on. After `stale_s` a request waits for the new value."""

    def __init__(self, read: Callable[[K], V], *, fresh_s: float, stale_s: float) -> None:
        self._source, self._fresh_s, self._stale_s = read, fresh_s, stale_s
        self._values: dict[K, tuple[float, V]] = {}
        self._reading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, *, now: bool = False) -> V:
        """Raises the errors of `read`, and Unavailable."""
        kept = self._values.get(key)
        age = time.monotonic() - kept[0] if kept is not None else 0.0
        if kept is None or now or age > self._stale_s:
            return await self._read(key)
        if age > self._fresh_s and key not in self._reading:
            task = self._reading[key] = asyncio.create_task(self._read(key))
            task.add_done_callback(lambda done: self._was_read(key, done))
        return kept[1]

    def clear(self) -> None:
        self._values.clear()
        self._reading.clear()

    async def _read(self, key: K) -> V:
        value = await run(lambda: self._source(key))
        if len(self._values) >= MAX_CACHED:
            self._values.clear()
        self._values[key] = time.monotonic(), value
        return value

    def _was_read(self, key: K, task: "asyncio.Task[V]") -> None:
        self._reading.pop(key, None)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._values.pop(key, None)  # the next request reads it itself, and gets the reason
            log.debug("gateway.not_read_again", error=str(problem))
