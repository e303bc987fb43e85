"""Requests and responses of the notices calls."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from workspaces.models import Channel, Delivery
from workspaces.notices import channels, messages
from workspaces.schemas import Line, Name, Strict

Target = Annotated[str, Field(min_length=1, max_length=2000)]
Verbs = Annotated[list[Line], Field(min_length=1, max_length=20)]


class ChannelIn(Strict):
    """A new channel. `target`: an https URL, or e-mail addresses with commas between them."""

    kind: Literal["webhook", "email", "slack", "discord", "teams"]
    name: Name
    target: Target
    verbs: Verbs
    enabled: bool = True


class ChannelChangesIn(Strict):
    """What is to change. `new_secret` makes a new signing secret, and the old one worthless."""

    name: Name | None = None
    target: Target | None = None
    verbs: Verbs | None = None
    enabled: bool | None = None
    new_secret: bool = False


class ChannelOut(Schema):
    id: str
    name: str
    kind: str
    target: str
    verbs: list[str]
    enabled: bool
    off_because: str | None
    failures_in_a_row: int
    created_at: datetime
    created_by: str


class ChannelMadeOut(ChannelOut):
    secret: str | None


class ChannelsOut(Schema):
    channels: list[ChannelOut]


class ChannelGoneOut(Schema):
    deleted: bool


class DeliveryOut(Schema):
    id: int
    message_id: str
    channel_id: str
    event_id: int | None
    type: str
    state: str
    attempts: int
    created_at: datetime
    tried_at: datetime | None
    due_at: datetime | None
    status: int | None
    took_ms: int | None
    answer: str | None


class DeliveriesOut(Schema):
    deliveries: list[DeliveryOut]
    next_cursor: str | None


class ChannelTestedOut(Schema):
    delivered: bool
    status: int | None
    took_ms: int
    answer: str


def channel(row: Channel, *, whole: bool) -> dict[str, object]:
    """A channel in the API's shape. `whole`: for an admin, who may see the target."""
    return {
        "id": row.pk,
        "name": row.name,
        "kind": row.kind,
        "target": channels.shown_target(row, whole=whole),
        "verbs": sorted(row_verb.verb for row_verb in row.verbs.all()),
        "enabled": row.enabled,
        "off_because": row.off_because or None,
        "failures_in_a_row": row.failures_in_a_row,
        "created_at": row.created_at,
        "created_by": row.created_by,
    }


def delivery(row: Delivery, *, whole: bool) -> dict[str, object]:
    """A delivery in the API's shape. Only admins see the receiver's response, which may repeat the target."""
    return {
        "id": row.pk,
        "message_id": messages.message_id(row),
        "channel_id": row.channel_id,
        "event_id": row.event_id,
        "type": row.event.verb if row.event else "muster.test",
        "state": row.state,
        "attempts": row.attempts,
        "created_at": row.created_at,
        "tried_at": row.tried_at,
        "due_at": row.due_at if row.state == Delivery.State.PENDING else None,
        "status": row.status,
        "took_ms": row.took_ms,
        "answer": row.answer if whole or row.status is None else None,
    }
