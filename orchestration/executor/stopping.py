"""Waiting for sessions with a stop request to end: a session ends only once its processes are proven dead (invariant 9)."""

import threading
import time
from collections.abc import Collection

from orchestration.models import Session

WAIT_S = 5.0
FIRST_PAUSE_S = 0.02
MAX_PAUSE_S = 0.2
# Fewer than the threads that answer stops (config/asgi.py), so that a stop is always taken at once. One more is answered without a wait.
_waiters = threading.BoundedSemaphore(12)


def wait_for_ends(workspace_id: str, among: Collection[str] | None = None) -> list[str]:
    """The sessions with a stop request, all or `among` these ids, that are still open; waits for them, for at most WAIT_S. No transaction is
    open meanwhile."""
    asked = Session.of_any_role.filter(workspace_id=workspace_id, stop_wanted_at__isnull=False, status__in=Session.OPEN)
    asked = asked if among is None else asked.filter(pk__in=among)
    alive = list(asked.order_by("claimed_at", "pk").values_list("pk", flat=True))
    if not alive or not _waiters.acquire(blocking=False):
        return alive
    try:
        end, pause = time.monotonic() + WAIT_S, FIRST_PAUSE_S
        while alive and time.monotonic() < end:
            time.sleep(pause)
            pause = min(pause * 1.5, MAX_PAUSE_S)
            still_open = set(Session.of_any_role.filter(pk__in=alive, status__in=Session.OPEN).values_list("pk", flat=True))
            alive = [pk for pk in alive if pk in still_open]
    finally:
        _waiters.release()
    return alive
