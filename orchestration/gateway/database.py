"""Statements of the gateway, in threads: its event loop never waits for the database. While the database is away they are tried again."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection

log = structlog.get_logger(__name__)

T = TypeVar("T")
RETRY_S = 0.25
_sending = ThreadPoolExecutor(max_workers=8, thread_name_prefix="sending")
_booking = ThreadPoolExecutor(max_workers=4, thread_name_prefix="booking")
"""Books wait for each other at their workspace's row; requests that are to be sent do not wait for them."""
THREADS = 16
"""Connections at most, with the lease's."""


class Away(Exception):
    """The database did not answer in time."""


async def run(action: Callable[[], T], *, patience_s: float = 30.0, books: bool = False) -> T:
    """The result of an action that may be repeated. `books`: it ends a request. Raises Away where the database is away for longer than that."""
    until = time.monotonic() + patience_s
    while True:
        try:
            return await asyncio.get_running_loop().run_in_executor(_booking if books else _sending, _once, action)
        except (OperationalError, InterfaceError) as problem:
            if time.monotonic() > until:
                raise Away(str(problem).split("\n")[0]) from None
            await asyncio.sleep(RETRY_S)


def _once(action: Callable[[], T]) -> T:
    try:
        return action()
    except (OperationalError, InterfaceError):
        connection.close()
        raise
    finally:
        if not connection.in_atomic_block:
            close_old_connections()
