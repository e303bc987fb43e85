"""Who listens for hints in this process, and the one subscription that all of them share.

It lives as long as somebody listens. Losing it costs latency only: streams go on with heartbeats, it is made anew, and then every stream is
told that everything may have changed.
"""

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import redis.asyncio
import structlog
from django.conf import settings
from redis.exceptions import RedisError

from orchestration.executor import stats as executor_stats

log = structlog.get_logger(__name__)

PATTERN = "muster:changes:*"


class Stream:
    """One open page: the topics that it wants, and those of them that it has not been told yet."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._news: dict[str, int] = {}
        self._rang = asyncio.Event()

    def tell(self, topics: dict[str, int]) -> None:
        if wanted := {topic: version for topic, version in topics.items() if topic in self._wanted}:
            self._news |= wanted
            self._rang.set()

    def tell_all(self, version: int) -> None:
        self.tell(dict.fromkeys(self._wanted, version))

    async def news(self, timeout: float) -> dict[str, int]:
        """What changed, as topic and version; nothing when the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rang.wait(), timeout)
        self._rang.clear()
        told, self._news = self._news, {}
        return told


class Hub:
    """The one subscription of this process, fanned out."""

    def __init__(self) -> None:
        self._streams: dict[str, set[Stream]] = defaultdict(set)
        self._version = int(time.time())  # grows over restarts too
        self._task: asyncio.Task[None] | None = None
        self.ticked_at: float | None = None

    @contextlib.asynccontextmanager
    async def listening(self, workspace_id: str, wanted: frozenset[str]) -> AsyncIterator[Stream]:
        stream = Stream(wanted)
        self._streams[workspace_id].add(stream)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        try:
            yield stream
        finally:
            self._streams[workspace_id].discard(stream)
            if not self._streams[workspace_id]:
                del self._streams[workspace_id]
            if not self._streams and self._task is not None:
                over, self._task = self._task, None
                over.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await over  # so that its connection is closed while there is a loop

    async def _listen(self) -> None:
        waits, missed = 0.5, False
        while True:
            client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2)
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.psubscribe(PATTERN)
                    await pubsub.subscribe(executor_stats.TICK)
                    log.debug("hints.listening")
                    if missed:
                        self._tell_all()
                    waits, missed = 0.5, False
                    async for message in pubsub.listen():
                        self._hear(message)
            except (RedisError, OSError) as error:
                log.debug("hints.away", error=str(error))
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await client.aclose()
            missed = True
            await asyncio.sleep(waits)
            waits = min(waits * 2, 5.0)

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            self.ticked_at = time.time()
            for streams in self._streams.values():
                for stream in streams:
                    stream.tell({"tick": int(self.ticked_at)})
        if message["type"] != "pmessage":
            return
        workspace_id = message["channel"].decode().rpartition(":")[2]
        if workspace_id in self._streams:
            with contextlib.suppress(ValueError):
                self._tell(workspace_id, [topic for topic in json.loads(message["data"]) if isinstance(topic, str)])

    def _tell(self, workspace_id: str, topics: list[str]) -> None:
        self._version += 1
        for stream in self._streams[workspace_id]:
            stream.tell(dict.fromkeys(topics, self._version))

    def _tell_all(self) -> None:
        self._version += 1
        for streams in self._streams.values():
            for stream in streams:
                stream.tell_all(self._version)


hub = Hub()
