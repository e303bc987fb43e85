"""Requests and responses of the notices calls."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from workspaces.models import Channel, Delivery, Digest
from workspaces.notices import channels, digests
from workspaces.notices.kinds import KINDS, messages
from workspaces.schemas import Line, Name, OneOf, Strict

Target = Annotated[str, Field(min_length=1, max_length=2000)]
Verbs = Annotated[list[Line], Field(max_length=20)]


class DigestIn(Strict):
    """A summary, every day at an hour, or every Monday. `time_zone`: an IANA name."""

    frequency: Literal["daily", "weekly", "never"]
    hour: Annotated[int, Field(ge=0, le=23)] = digests.DEFAULT_HOUR
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"

    def settings(self) -> digests.DigestSettings:
        return digests.DigestSettings("" if self.frequency == "never" else self.frequency, self.hour, self.time_zone)


class ChannelIn(Strict):
    """A new channel. `target`: an https URL, or e-mail addresses with commas between them. `verbs`: may be empty if it has a digest."""

    kind: Annotated[str, OneOf(KINDS)]
    name: Name
    target: Target
    verbs: Verbs
    enabled: bool = True
    digest: DigestIn | None = None


class ChannelChangesIn(Strict):
    """What is to change. `new_secret` makes a new signing secret, and the old one worthless."""

    name: Name | None = None
    target: Target | None = None
    verbs: Verbs | None = None
    enabled: bool | None = None
    new_secret: bool = False
    digest: DigestIn | None = None


class DigestOut(Schema):
    frequency: str
    hour: int
    time_zone: str
    due_at: datetime


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
    digest: DigestOut | None


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
        "digest": _digest(digest_of(row)),
    }


def digest_of(row: Channel) -> Digest | None:
    return getattr(row, "digest", None)


def _digest(row: Digest | None) -> dict[str, object] | None:
    names = DigestOut.model_fields
    return {name: getattr(row, name) for name in names} if row else None


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
