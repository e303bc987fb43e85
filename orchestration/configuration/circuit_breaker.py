"""While an agent's provider is unavailable the entry waits, and after several such sessions in a row the whole workspace waits.

The circuit breaker is on the executor's row. After its wait it is half-open and lets one session try; the first response closes it.
"""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from orchestration.configuration.provider_trouble import Trouble
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor
from workspaces import activity
from workspaces.access import MUSTER, Caller

# This many failures in a row mean that the entry is not the cause.
OPEN_AFTER = 3
FIRST_WAIT_S = 5.0
MAX_WAIT_S = 300.0
MAX_REQUESTED_WAIT_S = 6 * 3600.0


def wait_s(times: int) -> float:
    """Seconds to wait after so many refusals in a row: 5, 10, 20, up to 300."""
    return min(FIRST_WAIT_S * 2.0 ** min(max(times - 1, 0), 20), MAX_WAIT_S)


def provider_unavailable(executor: Executor, entry: Entry, trouble: Trouble) -> None:
    """Count it and wait, in the transaction that ends the session and holds the executor's row."""
    times = executor.trouble_count + 1
    Executor.objects.filter(pk=executor.pk).update(trouble_count=times)
    if trouble.cause == "provider":
        pause = _pause(trouble, entry.provider_waits + 1)
        Entry.objects.filter(pk=entry.pk).update(not_before=Now() + pause, provider_waits=F("provider_waits") + 1)
        if times < OPEN_AFTER:
            return
    pause = _pause(trouble, times if trouble.cause == "setup" else times - OPEN_AFTER + 1)
    fresh = not executor.trouble_code
    Executor.objects.filter(pk=executor.pk).update(
        trouble_code=trouble.code,
        trouble_message=trouble.message[:500],
        trouble_since=Now() if fresh else F("trouble_since"),
        trouble_until=Now() + pause,
    )
    if fresh:
        event = events.AgentUnavailable(code=trouble.code)
        activity.record(executor.pk, event, by=MUSTER, object_id=executor.pk, reason=trouble.message[:500])


def provider_responded(workspace_id: str) -> None:
    """Close the breaker: a provider responded to a session. One cheap statement when it was closed."""
    with transaction.atomic():
        row = Executor.objects.filter(pk=workspace_id, trouble_count__gt=0).select_for_update().first()
        if row is None:
            return
        _close(row.pk)
        if row.trouble_code:
            activity.record(row.pk, events.AgentAvailable(code=row.trouble_code), by=MUSTER, object_id=row.pk)
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "executor", "entries")


def recovered(workspace_id: str) -> None:
    """The agent's config or secrets changed: let one session try now. The breaker stays until a provider responds."""
    Executor.objects.filter(pk=workspace_id).exclude(trouble_code="").update(trouble_until=Now())
    Entry.objects.filter(workspace_id=workspace_id, not_before__isnull=False).update(not_before=None)


def try_again(workspace_id: str, *, by: Caller) -> None:
    """A person closes the breaker: all entries that wait for the provider may start now."""
    with transaction.atomic():
        row = Executor.objects.select_for_update().get(pk=workspace_id)
        _close(row.pk)
        Entry.objects.filter(workspace_id=workspace_id, not_before__isnull=False).update(not_before=None)
        activity.record(workspace_id, events.AgentRetried(code=row.trouble_code), by=by, object_id=workspace_id)
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "executor", "entries")


def _close(workspace_id: str) -> None:
    Executor.objects.filter(pk=workspace_id).update(
        trouble_code="", trouble_message="", trouble_since=None, trouble_until=None, trouble_count=0
    )


def _pause(trouble: Trouble, times: int) -> timedelta:
    requested = trouble.retry_at - datetime.now(UTC).timestamp() if trouble.retry_at else 0.0
    return timedelta(seconds=max(wait_s(times), min(requested, MAX_REQUESTED_WAIT_S)))
