"""Sends messages within a second and without a retry, so that no request waits for a Valkey that hangs.

After a failure nothing is sent for a moment: a request that publishes ten times pays for one.
"""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache

import redis
import structlog
from django.conf import settings
from django.utils.module_loading import import_string
from kombu import pools
from redis.backoff import NoBackoff
from redis.retry import Retry

from orchestration.messaging import broker_keys

log = structlog.get_logger(__name__)

TIMEOUT_S = 0.4
QUIET_S = 1.0
# Celery's own connections wait for messages and survive outages: they are patient. A publisher is neither.
_IMPATIENT = {
    "socket_timeout": TIMEOUT_S,
    "socket_connect_timeout": TIMEOUT_S,
    "retry_on_timeout": False,
    "health_check_interval": 0,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
    "connect_retries_timeout": TIMEOUT_S / 2,  # over after the first failure
}
_quiet_until = 0.0


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """One connection pool per process."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )


def reset() -> None:
    """Forget connections and outages: the address has changed."""
    global _quiet_until
    client.cache_clear()
    _quiet_until = 0.0


def publish(channel: str, message: str) -> None:
    _try(lambda: client().publish(channel, message), what=channel, count=1)


def enqueue(task: str, calls: Sequence[list[object]], *, queue: str) -> None:
    """A message for each call, in one exchange with the server. Losing it costs latency: the reconciler enqueues again."""

    def send() -> None:
        app = import_string(settings.CELERY_APP)
        connection = app.connection_for_write(transport_options=_IMPATIENT)
        with pools.producers[connection].acquire(block=True, timeout=TIMEOUT_S) as producer, producer.batch():
            for args in calls:
                app.send_task(task, args=args, queue=queue, producer=producer, ignore_result=True, retry=False)

    _try(send, what=task, count=len(calls))


def _try(send: Callable[[], object], *, what: str, count: int) -> None:
    global _quiet_until
    if time.monotonic() < _quiet_until:
        log.debug("message.lost", to=what, count=count, error="Valkey did not respond a moment ago")
        return
    try:
        send()
    except Exception as error:  # any error of the broker's
        log.warning("message.lost", to=what, count=count, error=str(error), cause=str(error.__cause__ or ""))
        if "WRONGTYPE" in f"{error} {error.__cause__}":  # it responds: only a key is wrong
            broker_keys.delete_wrong_types(client())
        else:
            _quiet_until = time.monotonic() + QUIET_S
