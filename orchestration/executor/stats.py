"""Statistics of the executor's last cycles and ticks, for its page: kept in Valkey, bounded. Losing them loses no work.

`Worker.ticked_at` in the database decides whether the executor is alive; these records only show its history.
"""

import json
import time
from typing import Any

import redis
import structlog
from django.conf import settings

from orchestration.messaging import publishing

log = structlog.get_logger(__name__)

TICKS = "muster:ticks"
TICK = "muster:tick"
"""The channel that announces each tick: streams pass it on to open pages with their heartbeat."""
KEPT = 60
KEPT_FOR_S = 7 * 24 * 3600
LATE_AFTER = 3  # ticks: then the executor's state is unknown


def late_after_s() -> float:
    """Seconds without a tick after which the executor's state is unknown."""
    return float(LATE_AFTER * settings.TICK_S)


def record_tick(seconds: float) -> None:
    """Keep a finished tick with its duration."""
    _keep(TICKS, {"at": round(time.time(), 1), "ms": round(seconds * 1000, 1)}, publish=True)


def record_cycle(workspace_id: str, record: dict[str, Any]) -> None:
    """Keep a finished cycle of this workspace: its time, duration and decisions."""
    _keep(f"muster:cycles:{workspace_id}", record)


def ticks() -> list[dict[str, Any]] | None:
    """The last ticks, newest first. None: Valkey does not respond."""
    return _kept(TICKS)


def cycles(workspace_id: str) -> list[dict[str, Any]] | None:
    """The last cycles of a workspace, newest first. None: Valkey does not respond."""
    return _kept(f"muster:cycles:{workspace_id}")


def _keep(key: str, record: dict[str, Any], *, publish: bool = False) -> None:
    try:
        with publishing.client().pipeline(transaction=False) as pipe:
            pipe.lpush(key, json.dumps(record))
            pipe.ltrim(key, 0, KEPT - 1)
            pipe.expire(key, KEPT_FOR_S)
            if publish:
                pipe.publish(TICK, "")
            pipe.execute()
    except redis.RedisError as error:
        log.debug("executor_stats.lost", key=key, error=str(error))


def _kept(key: str) -> list[dict[str, Any]] | None:
    try:
        return [json.loads(record) for record in publishing.client().lrange(key, 0, KEPT - 1)]
    except redis.RedisError:
        return None
