"""The circuit breaker of a workspace's repository: while it is open, entries stay pending.

It is in the executor's row. A session opens it at a failure. The session workers open and close it by a health check every few seconds.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from orchestration.facts import events
from orchestration.git.health import Trouble
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Integration
from workspaces import activity
from workspaces.access import MUSTER


def opened(workspace_id: str, trouble: Trouble) -> None:
    """Open the breaker: nothing starts. Recorded once."""
    with transaction.atomic():
        row = Executor.objects.select_for_update().get(pk=workspace_id)
        is_fresh = not row.repository_code
        fields: dict[str, Any] = {
            "repository_code": trouble.code,
            "repository_message": trouble.message[:500],
            "repository_branch": trouble.branch,
        }
        if is_fresh:
            fields["repository_since"] = Now()
        Executor.objects.filter(pk=workspace_id).update(repository_seen_at=Now(), **fields)
        if is_fresh:
            event = events.RepositoryUnavailable(code=trouble.code)
            activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id, reason=trouble.message[:500])
    wake_ups.publish_change(workspace_id, "executor", "entries")


def closed(workspace_id: str) -> bool:
    """Close the breaker: entries start, and landings continue. False: it was closed already."""
    with transaction.atomic():
        row = Executor.objects.select_for_update().get(pk=workspace_id)
        if not row.repository_code:
            return False
        Executor.objects.filter(pk=workspace_id).update(
            repository_code="", repository_message="", repository_branch="", repository_since=None, repository_seen_at=Now()
        )
        Integration.objects.filter(pk=workspace_id).update(due=True)
        event = events.RepositoryAvailable(code=row.repository_code)
        activity.record(workspace_id, event, by=MUSTER, object_id=workspace_id)
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "executor", "entries")
    return True


def was_open_since(workspace_id: str, moment: datetime | None) -> bool:
    """True if the breaker was open at some time since then: it may have caused failures meanwhile."""
    return moment is not None and Executor.objects.filter(pk=workspace_id, repository_seen_at__gte=moment).exists()
