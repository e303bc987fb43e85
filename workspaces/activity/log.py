"""The activity log: who did what to what, and why. Written in the transaction of what it tells."""

from typing import Any

import structlog
from django.db import transaction
from django.dispatch import Signal

from workspaces.access import Caller
from workspaces.activity.notified import VERBS
from workspaces.models import Event

recorded = Signal()
"""A line that channels may be told of was written: sent after the commit. Losing it costs latency only: the tick looks as well."""


def event(
    workspace_id: str, verb: str, *, by: Caller, object_id: str = "", reason: str = "", data: dict[str, Any] | None = None
) -> Event:
    """An unsaved line, for those who write several at once."""
    kind = Event.ActorKind.HUMAN if by.is_human else Event.ActorKind.AUTOMATION
    return Event(
        workspace_id=workspace_id,
        actor=by.name,
        actor_kind=kind,
        verb=verb,
        object_id=object_id,
        reason=reason[:500],
        data=data or {},
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )


def record(
    workspace_id: str, verb: str, *, by: Caller, object_id: str = "", reason: str = "", data: dict[str, Any] | None = None
) -> None:
    """Write one line."""
    event(workspace_id, verb, by=by, object_id=object_id, reason=reason, data=data).save()
    if verb in VERBS:
        transaction.on_commit(lambda: recorded.send(Event), robust=True)
