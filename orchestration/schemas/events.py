"""Responses of the activity log."""

from datetime import datetime
from typing import Any

from ninja import Schema


class EventOut(Schema):
    id: int
    at: datetime
    actor: str
    actor_kind: str
    verb: str
    object_id: str | None
    data: dict[str, Any]
    reason: str


class EventsOut(Schema):
    events: list[EventOut]
    next_cursor: str | None
