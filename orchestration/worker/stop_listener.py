"""A listener for check requests: a thread subscribed to Valkey, with a callback.

A request carries no data: the callback reads the database. The thread uses no database itself, survives any Valkey error, and ends with
its process. Only latency depends on it: the heartbeat also polls every MUSTER_POLL_S.
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

QUIET_S = 10.0  # after this silence it pings the server; after twice as long it reconnects
FIRST_WAIT_S = 0.1
MAX_WAIT_S = 5.0


def start_listening(on_request: Callable[[], object]) -> threading.Thread:
    """Call `on_request` on every request, and after each gap in the subscription."""
    thread = threading.Thread(target=_listen_loop, args=(on_request,), name="stop-listener", daemon=True)
    thread.start()
    return thread


def _listen_loop(on_request: Callable[[], object]) -> None:
    wait = FIRST_WAIT_S
    while True:
        began = time.monotonic()
        try:
            _listen(on_request)
        except (redis.RedisError, OSError) as error:
            log.debug("stop_listener.unavailable", error=str(error))
        except Exception:  # a dead thread would make every later stop slow
            log.exception("stop_listener.crashed")
        wait = FIRST_WAIT_S if time.monotonic() - began > MAX_WAIT_S else min(wait * 2, MAX_WAIT_S)
        time.sleep(wait)


def _listen(on_request: Callable[[], object]) -> None:
    """Listen until the connection fails or goes silent. It needs a connection of its own: those of the pool time out too soon."""
    with (
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=QUIET_S) as client,
        client.pubsub() as pubsub,
    ):
        pubsub.subscribe(wake_ups.CHECK_CHANNEL)
        while True:
            if _next_message_kind(pubsub) != "pong":
                on_request()


def _next_message_kind(pubsub: PubSub) -> str:
    """The kind of the next message. Raises ConnectionError if the server does not answer a ping."""
    message = pubsub.get_message(timeout=QUIET_S)
    if message is None:
        pubsub.ping()
        message = pubsub.get_message(timeout=QUIET_S)
    if message is None:
        raise redis.ConnectionError("no answer")
    return str(message["type"])
