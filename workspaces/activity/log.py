"""The activity log: who did what to what, and why. Written in the transaction of the change that it records."""

import structlog
from django.db import transaction
from django.dispatch import Signal

from workspaces.access import Caller
from workspaces.activity.events import ActivityEvent
from workspaces.models import Event

recorded = Signal()
"""An event that channels can subscribe to was written: sent after the commit. A lost signal costs latency only, because the tick checks as well."""


def row(workspace_id: str, event: ActivityEvent, *, by: Caller, object_id: str = "", reason: str = "") -> Event:
    """An unsaved line, for callers that write several at once."""
    of_request = structlog.contextvars.get_contextvars()
    kind = Event.ActorKind.HUMAN if by.is_human else Event.ActorKind.AUTOMATION
    return Event(
        workspace_id=workspace_id,
        actor=by.name,
        actor_kind=kind,
        verb=event.verb,
        object_id=object_id,
        reason=(reason or of_request.get("reason", ""))[:500],
        data=event.data(),
        request_id=of_request.get("request_id", ""),
    )


def record(workspace_id: str, event: ActivityEvent, *, by: Caller, object_id: str = "", reason: str = "") -> Event:
    """Write one line."""
    line = row(workspace_id, event, by=by, object_id=object_id, reason=reason)
    line.save()
    if event.notice:
        transaction.on_commit(lambda: recorded.send(Event), robust=True)
    return line
