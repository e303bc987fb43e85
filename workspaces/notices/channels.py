"""Channels: made, changed and removed by admins, each change on record. A signing secret is shown once, when it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from workspaces import activity, ids
from workspaces.access import MUSTER, Caller
from workspaces.activity import events
from workspaces.activity.events import ChannelEvent
from workspaces.errors import Invalid, NotFound
from workspaces.models import Channel, ChannelVerb, Delivery, Workspace
from workspaces.notices import addresses, mail, signing

MOST = 50
OFF = "The channel was switched off"


@dataclass(frozen=True)
class Wanted:
    """What a channel is to be. None: as it is. `new_secret` makes the old one worthless."""

    name: str | None = None
    target: str | None = None
    verbs: Sequence[str] | None = None
    enabled: bool | None = None
    new_secret: bool = False


def listed(workspace_id: str) -> list[Channel]:
    """All channels of a workspace, with their verbs. Two queries."""
    return list(
        Channel.objects.filter(workspace_id=workspace_id).select_related("workspace").prefetch_related("verbs").order_by("name")
    )


def channel_for(workspace_id: str, channel_id: str) -> Channel:
    """Raises NotFound."""
    if ids.looks_like_one(channel_id):
        mine = Channel.objects.select_related("workspace").filter(workspace_id=workspace_id)
        if found := mine.filter(pk=channel_id).first():
            return found
    raise NotFound("Channel not found")


def create(workspace: Workspace, kind: Channel.Kind, wanted: Wanted, *, by: Caller) -> tuple[Channel, str]:
    """Make a channel; answers it and, for a webhook, its signing secret. Raises Invalid."""
    secret = signing.new_secret() if kind == Channel.Kind.WEBHOOK else ""
    target = _target(kind, wanted.target or "")
    verbs = _verbs(wanted.verbs or ())
    try:
        with transaction.atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
            if Channel.objects.filter(workspace=workspace).count() >= MOST:
                raise Invalid(f"A workspace may have at most {MOST} channels", "name")
            made = Channel.objects.create(
                workspace=workspace,
                kind=kind,
                name=wanted.name or "",
                target=target,
                enabled=wanted.enabled is not False,
                sealed=signing.seal(secret) if secret else b"",
                created_by=by.name,
            )
            ChannelVerb.objects.bulk_create(ChannelVerb(channel=made, verb=verb) for verb in verbs)
            _record(made, events.ChannelAdded(name=made.name, kind=made.kind, enabled=made.enabled, verbs=verbs), by=by)
    except IntegrityError:
        raise Invalid("There is a channel of that name already", "name") from None
    return made, secret


def change(channel: Channel, wanted: Wanted, *, by: Caller) -> tuple[Channel, str]:
    """Change what is given. Answers the channel, and its new secret if one was wanted. Raises Invalid."""
    secret = signing.new_secret() if wanted.new_secret and channel.kind == Channel.Kind.WEBHOOK else ""
    if wanted.new_secret and not secret:
        raise Invalid("An e-mail channel has no secret", "new_secret")
    target = None if wanted.target is None else _target(Channel.Kind(channel.kind), wanted.target)
    verbs = None if wanted.verbs is None else _verbs(wanted.verbs)
    try:
        with transaction.atomic():
            row = _locked(channel)
            row.name = row.name if wanted.name is None else wanted.name
            row.target = row.target if target is None else target
            row.sealed = signing.seal(secret) if secret else row.sealed
            if wanted.enabled is not None:
                _switch(row, wanted.enabled)
            row.save()
            if verbs is not None:
                row.verbs.exclude(verb__in=verbs).delete()
                ChannelVerb.objects.bulk_create((ChannelVerb(channel=row, verb=verb) for verb in verbs), ignore_conflicts=True)
            changed = events.ChannelChanged(
                name=row.name, kind=row.kind, enabled=row.enabled, verbs=verbs, secret_replaced=bool(secret)
            )
            _record(row, changed, by=by)
    except IntegrityError:
        raise Invalid("There is a channel of that name already", "name") from None
    return row, secret


def remove(channel: Channel, *, by: Caller) -> None:
    """Take a channel away, with its log of deliveries."""
    with transaction.atomic():
        row = _locked(channel)
        _record(row, events.ChannelRemoved(name=row.name, kind=row.kind, enabled=row.enabled), by=by)
        row.delete()


def switch_off(channel_id: str, because: str) -> None:
    """Muster gives up on a channel: no more is made for it, and what waits is failed. In the caller's transaction."""
    row = Channel.objects.select_for_update(no_key=True, of=("self",)).filter(pk=channel_id, enabled=True).first()
    if row is None:
        return
    _switch(row, False)
    row.off_because = because[:500]
    row.save(update_fields=["enabled", "off_because", "failures_in_a_row"])
    event = events.ChannelSwitchedOff(name=row.name, kind=row.kind)
    activity.record(row.workspace_id, event, by=MUSTER, object_id=row.pk, reason=because)


def shown_target(channel: Channel, *, whole: bool) -> str:
    """Where it goes, for people: a webhook's path and query may be a password, and an address a person's own."""
    if whole:
        return channel.target
    if channel.kind == Channel.Kind.EMAIL:
        count = channel.target.count(",") + 1
        return f"{count} {'address' if count == 1 else 'addresses'}"
    parts = urlsplit(channel.target)
    return f"{parts.scheme}://{parts.netloc}/…"


def _switch(row: Channel, on: bool) -> None:
    if on and not row.enabled:
        row.off_because, row.failures_in_a_row, row.rests_until = "", 0, None
    if row.enabled and not on:
        waiting = Delivery.objects.filter(channel=row, state=Delivery.State.PENDING)
        waiting.filter(tried_at__isnull=True).update(answer=OFF)
        waiting.update(state=Delivery.State.FAILED)
    row.enabled = on


def _locked(channel: Channel) -> Channel:
    row = Channel.objects.select_for_update(of=("self",)).select_related("workspace").filter(pk=channel.pk).first()
    if row is None:
        raise NotFound("Channel not found")
    return row


def _target(kind: Channel.Kind, target: str) -> str:
    if kind == Channel.Kind.EMAIL:
        return ", ".join(mail.addresses_in(target))
    try:
        addresses.check(target)
    except addresses.NotAllowed as refused:
        raise Invalid(f"The address {refused}", "target") from None
    return target


def _verbs(verbs: Sequence[str]) -> list[str]:
    if not verbs:
        raise Invalid("Name at least one event", "verbs")
    if unknown := sorted(set(verbs) - events.notices().keys()):
        raise Invalid(f"There is no notice of {unknown[0][:60]!r}", "verbs")
    return sorted(set(verbs))


def _record(row: Channel, event: ChannelEvent, *, by: Caller) -> None:
    """The target stays out of activity: every member can read that, and a URL may hold a password."""
    activity.record(row.workspace_id, event, by=by, object_id=row.pk)
