"""Wake-ups and change notifications, sent after the commit. Losing one costs latency, never work (invariant 1)."""

import json
from collections.abc import Sequence
from functools import lru_cache

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)

CYCLE_TASK = "orchestration.tasks.cycle"
DELIVER_TASK = "orchestration.tasks.deliver"
SESSION_TASK = "orchestration.tasks.run_session"
SHARE_OUT_TASK = "orchestration.tasks.share_out"
CHECK_CHANNEL = "muster:checks"


def enqueue_cycle(workspace_id: str) -> None:
    """Run an executor cycle soon: an entry may be able to start."""
    transaction.on_commit(lambda: _enqueue(CYCLE_TASK, [[workspace_id]], queue="control"), robust=True)


def enqueue_share_out(workspace_id: str) -> None:
    """Share out money on the control worker: never in a request, nor in a cycle."""
    transaction.on_commit(lambda: _enqueue(SHARE_OUT_TASK, [[workspace_id]], queue="control"), robust=True)


def enqueue_sessions(claims: Sequence[tuple[str, int]]) -> None:
    """Wake a session worker for each claim `(session id, attempt)`, over one connection."""
    transaction.on_commit(lambda: _enqueue(SESSION_TASK, [list(claim) for claim in claims], queue="sessions"), robust=True)


def enqueue_deliveries() -> None:
    """Look for notices that are due."""
    transaction.on_commit(lambda: _enqueue(DELIVER_TASK, [[]], queue="control"), robust=True)


def publish_change(workspace_id: str, *topics: str) -> None:
    """Notify open pages of a change; they fetch the new state themselves."""
    transaction.on_commit(lambda: _send(change_channel(workspace_id), json.dumps(topics)), robust=True)


def request_check() -> None:
    """Make every session worker read its stop requests now instead of at its next poll."""
    transaction.on_commit(lambda: _send(CHECK_CHANNEL, ""), robust=True)


def log_topic(session_id: str) -> str:
    """The topic of pages that show this session's log."""
    return f"log-{session_id}"


def change_channel(workspace_id: str) -> str:
    return f"muster:changes:{workspace_id}"


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """One connection pool per process. Short time-outs: a page must not hang because Valkey is down."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1)


def _enqueue(task: str, calls: Sequence[list[object]], *, queue: str) -> None:
    try:
        with current_app.producer_or_acquire() as producer:
            for args in calls:
                current_app.send_task(task, args=args, queue=queue, producer=producer, ignore_result=True)
    except Exception as error:  # any broker error: the reconciler enqueues again
        log.warning("message.lost", task=task, count=len(calls), error=str(error))


def _send(channel: str, message: str) -> None:
    try:
        client().publish(channel, message)
    except redis.RedisError as error:
        log.debug("message.lost", channel=channel, error=str(error))
