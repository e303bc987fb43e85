"""Wake-ups and change notifications, sent after the commit. Losing one costs latency, never work (invariant 1)."""

import json
from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction

from orchestration.messaging import publishing

CYCLE_TASK = "orchestration.tasks.cycle"
DELIVER_TASK = "orchestration.tasks.deliver"
SESSION_TASK = "orchestration.tasks.run_session"
SHARE_OUT_TASK = "orchestration.tasks.share_out"
CHECK_CHANNEL = "muster:checks"


def enqueue_cycle(workspace_id: str) -> None:
    """Run an executor cycle soon: an entry may be able to start."""
    _enqueue(CYCLE_TASK, [[workspace_id]], queue="control")


def enqueue_share_out(workspace_id: str) -> None:
    """Share out money on the control worker: never in a request, nor in a cycle."""
    _enqueue(SHARE_OUT_TASK, [[workspace_id]], queue="control")


def enqueue_sessions(claims: Sequence[tuple[str, int, str]]) -> None:
    """Wake a session worker for each claim `(session id, attempt, host id)`; without a host, any of them."""
    by_queue = defaultdict[str, list[list[object]]](list)
    for session_id, attempt, host in claims:
        by_queue[session_queue(host)].append([session_id, attempt])
    for queue, calls in by_queue.items():
        _enqueue(SESSION_TASK, calls, queue=queue)


def session_queue(host_id: str) -> str:
    """The queue that only the session workers of this host read; without a host, the one that all read. Workers of releases before 0.2.0 read
    `sessions`: they could only lose the message."""
    return f"claims.{host_id}" if host_id else "claims"


def enqueue_deliveries() -> None:
    """Look for notices that are due."""
    _enqueue(DELIVER_TASK, [[]], queue="control")


def publish_change(workspace_id: str, *topics: str) -> None:
    """Notify open pages of a change; they fetch the new state themselves."""
    _publish(change_channel(workspace_id), json.dumps(topics))


def request_check() -> None:
    """Make every session worker read its stop requests now instead of at its next poll."""
    _publish(CHECK_CHANNEL, "")


def log_topic(session_id: str) -> str:
    """The topic of pages that show this session's log."""
    return f"log-{session_id}"


def change_channel(workspace_id: str) -> str:
    return f"muster:changes:{workspace_id}"


def _enqueue(task: str, calls: Sequence[list[object]], *, queue: str) -> None:
    transaction.on_commit(lambda: publishing.enqueue(task, calls, queue=queue), robust=True)


def _publish(channel: str, message: str) -> None:
    transaction.on_commit(lambda: publishing.publish(channel, message), robust=True)
