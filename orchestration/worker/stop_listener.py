"""Hearing at once that somebody wants something of the sessions at work: a thread that listens on Valkey and rings.

It carries no data: whoever is rung looks in the database. It touches no database itself, outlives any trouble with Valkey, and ends
with its process. Nothing depends on it but speed: the heartbeat looks every MUSTER_POLL_S all the same.
"""

import threading
import time
from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from redis.client import PubSub

from orchestration.messaging import wake_ups

log = structlog.get_logger(__name__)

QUIET_S = 10.0  # after so long a silence it asks whether the other side is still there; after twice as long it is not
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


def listen(ring: Callable[[], object]) -> threading.Thread:
    """Call `ring` on every summons, and after each gap in which one may have been missed."""
    thread = threading.Thread(target=_listen_for_ever, args=(ring,), name="summons", daemon=True)
    thread.start()
    return thread


def _listen_for_ever(ring: Callable[[], object]) -> None:
    wait = FIRST_WAIT_S
    while True:
        began = time.monotonic()
        try:
            _listen(ring)
        except (redis.RedisError, OSError) as error:
            log.debug("summons.away", error=str(error))
        except Exception:  # whatever it is, a thread that died would make every later stop slow
            log.exception("summons.broke")
        wait = FIRST_WAIT_S if time.monotonic() - began > LONGEST_WAIT_S else min(wait * 2, LONGEST_WAIT_S)
        time.sleep(wait)


def _listen(ring: Callable[[], object]) -> None:
    """Until the connection fails, or goes silent. A connection of its own: the pool's time out too soon for one that waits."""
    with (
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=QUIET_S) as client,
        client.pubsub() as pubsub,
    ):
        pubsub.subscribe(wake_ups.CHECK_CHANNEL)
        while True:
            if _hear(pubsub) != "pong":
                ring()


def _hear(pubsub: PubSub) -> str:
    """The kind of the next message. Raises when the other side does not even answer a question."""
    message = pubsub.get_message(timeout=QUIET_S)
    if message is None:
        pubsub.ping()
        message = pubsub.get_message(timeout=QUIET_S)
    if message is None:
        raise redis.ConnectionError("no answer")
    return str(message["type"])
