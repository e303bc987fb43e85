"""Statements of the gateway, in threads: its event loop never waits for the database. While the database is away they are tried again. Values that
requests need again and again are kept, and read anew in the background, so that hardly any request waits for that."""

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
MOST_KEPT = 5_000
_sending = ThreadPoolExecutor(max_workers=8, thread_name_prefix="sending")
_booking = ThreadPoolExecutor(max_workers=4, thread_name_prefix="booking")
"""Books wait for each other at their workspace's row; requests that are to be sent do not wait for them."""
THREADS = 16
"""Connections at most, with the lease's."""


_later: set[asyncio.Task[object]] = set()
AWAY = (OperationalError, InterfaceError, InternalError)
"""InternalError: it takes no writes, as the old server after a failover."""
BUSY_S = 2
"""So long one attempt waits for another writer of SQLite."""


class Away(Exception):
    """The database did not answer in time."""


def wait_briefly() -> None:
    """Have no attempt hold its thread for long."""
    given = connections.settings["default"]
    if given["ENGINE"].endswith("sqlite3"):
        given["OPTIONS"]["timeout"] = BUSY_S


async def run(action: Callable[[], T], *, patience_s: float | None = None, books: bool = False) -> T:
    """The result of an action that may be repeated. `books`: it ends a request. Raises Away where the database is away for longer than that: the action may still be done then."""
    threads = _booking if books else _sending
    until = time.monotonic() + (waits.DATABASE_S if patience_s is None else patience_s)
    while True:
        try:
            async with asyncio.timeout(max(until - time.monotonic(), RETRY_S)):
                return await asyncio.get_running_loop().run_in_executor(threads, _once, action)
        except TimeoutError:
            raise Away("it does not answer") from None
        except AWAY as problem:
            if time.monotonic() > until:
                raise Away(str(problem).split("\n")[0]) from None
            await asyncio.sleep(RETRY_S)


def later(action: Callable[[], object]) -> None:
    """Do it once the database is back, without anyone who waits for it."""
    task: asyncio.Task[object] = asyncio.create_task(run(action, patience_s=86_400, books=True))
    _later.add(task)
    task.add_done_callback(_later.discard)


def _once(action: Callable[[], T]) -> T:
    try:
        return action()
    except AWAY:
        connection.close()
        raise
    finally:
        if not connection.in_atomic_block:
            close_old_connections()


class Kept(Generic[K, V]):
    """`read`: the value of a key, by statements. After `fresh_s` it is read again in the background; after `stale_s` a request waits for it."""

    def __init__(self, read: Callable[[K], V], *, fresh_s: float, stale_s: float) -> None:
        self._source, self._fresh_s, self._stale_s = read, fresh_s, stale_s
        self._values: dict[K, tuple[float, V]] = {}
        self._reading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, *, now: bool = False) -> V:
        """`now`: as the database has it. Raises what `read` raises, and Away."""
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
        if len(self._values) >= MOST_KEPT:
            self._values.clear()
        self._values[key] = time.monotonic(), value
        return value

    def _was_read(self, key: K, task: "asyncio.Task[V]") -> None:
        self._reading.pop(key, None)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._values.pop(key, None)  # the next request reads it itself, and gets the reason
            log.debug("gateway.not_read_again", error=str(problem))
