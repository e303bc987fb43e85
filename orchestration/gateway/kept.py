"""Values of the database that requests need again and again. They are read anew in the background, so that hardly any request waits for that."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from orchestration.gateway import database

log = structlog.get_logger(__name__)

K = TypeVar("K")
V = TypeVar("V")
MOST = 5_000


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
        value = await database.run(lambda: self._source(key))
        if len(self._values) >= MOST:
            self._values.clear()
        self._values[key] = time.monotonic(), value
        return value

    def _was_read(self, key: K, task: "asyncio.Task[V]") -> None:
        self._reading.pop(key, None)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._values.pop(key, None)  # the next request reads it itself, and gets the reason
            log.debug("gateway.not_read_again", error=str(problem))
