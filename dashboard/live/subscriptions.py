"""The streams of this process, and the one Valkey subscription that they share.

The subscription lives as long as there is a stream. Losing it costs latency only: streams continue with heartbeats, the subscription is
renewed, and every stream is then notified of all its topics.
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
    """One open page: its topics, and its pending changes."""

    def __init__(self, topics: frozenset[str]) -> None:
        self._topics = topics
        self._pending: dict[str, int] = {}
        self._changed = asyncio.Event()

    def publish(self, topics: dict[str, int]) -> None:
        if fresh := {topic: version for topic, version in topics.items() if topic in self._topics}:
            self._pending |= fresh
            self._changed.set()

    def publish_all(self, version: int) -> None:
        self.publish(dict.fromkeys(self._topics, version))

    async def next_changes(self, timeout: float) -> dict[str, int]:
        """Changed topics with their versions; empty after the timeout."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout)
        self._changed.clear()
        changes, self._pending = self._pending, {}
        return changes


class Hub:
    """The one subscription of this process, distributed to its streams."""

    def __init__(self) -> None:
        self._streams: dict[str, set[Stream]] = defaultdict(set)
        self._version = int(time.time())  # increases across restarts too
        self._task: asyncio.Task[None] | None = None
        self.ticked_at: float | None = None

    @contextlib.asynccontextmanager
    async def subscribe(self, workspace_id: str, topics: frozenset[str]) -> AsyncIterator[Stream]:
        stream = Stream(topics)
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
                task, self._task = self._task, None
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task  # closes its connection before the event loop ends

    async def _listen(self) -> None:
        waits, missed = 0.5, False
        while True:
            client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2)
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.psubscribe(PATTERN)
                    await pubsub.subscribe(executor_stats.TICK)
                    log.debug("changes.subscribed")
                    if missed:
                        self._publish_all()
                    waits, missed = 0.5, False
                    async for message in pubsub.listen():
                        self._on_message(message)
            except (RedisError, OSError) as error:
                log.debug("changes.subscription_lost", error=str(error))
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await client.aclose()
            missed = True
            await asyncio.sleep(waits)
            waits = min(waits * 2, 5.0)

    def _on_message(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            self.ticked_at = time.time()
            for streams in self._streams.values():
                for stream in streams:
                    stream.publish({"tick": int(self.ticked_at)})
        if message["type"] != "pmessage":
            return
        workspace_id = message["channel"].decode().rpartition(":")[2]
        if workspace_id in self._streams:
            with contextlib.suppress(ValueError):
                self._publish(workspace_id, [topic for topic in json.loads(message["data"]) if isinstance(topic, str)])

    def _publish(self, workspace_id: str, topics: list[str]) -> None:
        self._version += 1
        for stream in self._streams[workspace_id]:
            stream.publish(dict.fromkeys(topics, self._version))

    def _publish_all(self) -> None:
        self._version += 1
        for streams in self._streams.values():
            for stream in streams:
                stream.publish_all(self._version)


hub = Hub()
