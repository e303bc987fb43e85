"""Statements of the gateway, in threads: its event loop never waits for the database. While the database is away they are tried again."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from django.db import InterfaceError, InternalError, OperationalError, close_old_connections, connection, connections

log = structlog.get_logger(__name__)

T = TypeVar("T")
RETRY_S, PATIENCE_S = 0.25, 30.0
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
    until = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
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
