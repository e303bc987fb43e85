"""Wake-ups and change notifications, sent after the commit. Losing one costs latency, never work (invariant 1)."""

import json
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
    transaction.on_commit(lambda: publishing.enqueue(CYCLE_TASK, [[workspace_id]], queue="control"), robust=True)


def enqueue_share_out(workspace_id: str) -> None:
    """Share out money on the control worker: never in a request, nor in a cycle."""
    transaction.on_commit(lambda: publishing.enqueue(SHARE_OUT_TASK, [[workspace_id]], queue="control"), robust=True)


def enqueue_sessions(claims: Sequence[tuple[str, int]]) -> None:
    """Wake a session worker for each claim `(session id, attempt)`, over one connection."""
    transaction.on_commit(
        lambda: publishing.enqueue(SESSION_TASK, [list(claim) for claim in claims], queue="sessions"), robust=True
    )


def enqueue_deliveries() -> None:
    """Look for notices that are due."""
    transaction.on_commit(lambda: publishing.enqueue(DELIVER_TASK, [[]], queue="control"), robust=True)


def publish_change(workspace_id: str, *topics: str) -> None:
    """Notify open pages of a change; they fetch the new state themselves."""
    transaction.on_commit(lambda: publishing.publish(change_channel(workspace_id), json.dumps(topics)), robust=True)


def request_check() -> None:
    """Make every session worker read its stop requests now instead of at its next poll."""
    transaction.on_commit(lambda: publishing.publish(CHECK_CHANNEL, ""), robust=True)


def log_topic(session_id: str) -> str:
    """The topic of pages that show this session's log."""
    return f"log-{session_id}"


def change_channel(workspace_id: str) -> str:
    return f"muster:changes:{workspace_id}"
