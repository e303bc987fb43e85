"""Channels: admins create, change and remove them, each change recorded. A signing secret is shown once, when it is created."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from workspaces import activity
from workspaces.access import MUSTER, Caller
from workspaces.activity import events
from workspaces.activity.events import ChannelEvent
from workspaces.errors import Invalid, NotFound
from workspaces.models import Channel, ChannelVerb, Delivery, Digest, Workspace
from workspaces.notices import digests
from workspaces.notices.digests import DigestSettings
from workspaces.notices.kinds import KINDS, kind_of, signing
from workspaces.secrets.masking import Mask
from workspaces.secrets.sealing import Sealed
from workspaces.values import ids

MAX_CHANNELS = 50
OFF = "The channel was switched off"


@dataclass(frozen=True)
class ChannelSettings:
    """The settings of a channel. None: unchanged. `new_secret` replaces the signing secret."""

    name: str | None = None
    target: str | None = None
    verbs: Sequence[str] | None = None
    enabled: bool | None = None
    new_secret: bool = False
    digest: DigestSettings | None = None


def list_all(workspace_id: str) -> list[Channel]:
    """All channels of a workspace, with their verbs. Two queries."""
    return list(
        Channel.objects.filter(workspace_id=workspace_id)
        .select_related("workspace", "digest")
        .prefetch_related("verbs")
        .order_by("name")
    )


def channel_for(workspace_id: str, channel_id: str) -> Channel:
    """Raises NotFound."""
    if ids.is_id(channel_id):
        mine = Channel.objects.select_related("workspace", "digest").filter(workspace_id=workspace_id)
        if channel := mine.filter(pk=channel_id).first():
            return channel
    raise NotFound("Channel not found")


def mask_of(channel: Channel) -> Mask:
    """The mask of the secrets that the channel's receiver knows and may repeat: in its address, and its signing secret."""
    secrets = kind_of(channel).secrets(channel.target)
    with suppress(Sealed):
        secrets |= {"signing secret": signing.unseal(channel.sealed)} if channel.sealed else {}
    return Mask(secrets)


def create(workspace: Workspace, kind: Channel.Kind, settings: ChannelSettings, *, by: Caller) -> tuple[Channel, str]:
    """Create a channel; returns it and, for a webhook, its signing secret. Raises Invalid."""
    secret = signing.new_secret() if KINDS[kind].is_signed else ""
    target = KINDS[kind].target(settings.target or "")
    digest = settings.digest or DigestSettings("")
    digests.check(digest)
    verbs = _verbs(settings.verbs or (), has_digest=bool(digest.frequency))
    try:
        with transaction.atomic():
            Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
            if Channel.objects.filter(workspace=workspace).count() >= MAX_CHANNELS:
                raise Invalid(f"A workspace may have at most {MAX_CHANNELS} channels", "name")
            channel = Channel.objects.create(
                workspace=workspace,
                kind=kind,
                name=settings.name or "",
                target=target,
                enabled=settings.enabled is not False,
                sealed=signing.seal(secret) if secret else b"",
                created_by=by.name,
            )
            ChannelVerb.objects.bulk_create(ChannelVerb(channel=channel, verb=verb) for verb in verbs)
            digests.put(channel, digest)
            added = events.ChannelAdded(
                name=channel.name,
                kind=channel.kind,
                enabled=channel.enabled,
                verbs=verbs,
                digest=digest.words if digest.frequency else "",
            )
            _record(channel, added, by=by)
    except IntegrityError:
        raise Invalid("There is a channel of that name already", "name") from None
    return channel, secret


def change(channel: Channel, settings: ChannelSettings, *, by: Caller) -> tuple[Channel, str]:
    """Change the given settings. Returns the channel and, if requested, its new secret. Raises Invalid."""
    secret = signing.new_secret() if settings.new_secret and kind_of(channel).is_signed else ""
    if settings.new_secret and not secret:
        raise Invalid("Only a webhook has a secret", "new_secret")
    target = None if settings.target is None else kind_of(channel).target(settings.target)
    if settings.digest is not None:
        digests.check(settings.digest)
    try:
        with transaction.atomic():
            row = _lock(channel)
            has_digest = bool(settings.digest.frequency) if settings.digest else Digest.objects.filter(channel=row).exists()
            verbs = _chosen(row, settings, has_digest=has_digest)
            row.name = row.name if settings.name is None else settings.name
            row.target = row.target if target is None else target
            row.sealed = signing.seal(secret) if secret else row.sealed
            if settings.digest is not None:
                digests.put(row, settings.digest)
            if settings.enabled is not None:
                _switch(row, settings.enabled)
            row.save()
            if verbs is not None:
                row.verbs.exclude(verb__in=verbs).delete()
                ChannelVerb.objects.bulk_create((ChannelVerb(channel=row, verb=verb) for verb in verbs), ignore_conflicts=True)
            changed = events.ChannelChanged(
                name=row.name,
                kind=row.kind,
                enabled=row.enabled,
                verbs=verbs,
                secret_replaced=bool(secret),
                digest=settings.digest.words if settings.digest else None,
            )
            _record(row, changed, by=by)
    except IntegrityError:
        raise Invalid("There is a channel of that name already", "name") from None
    return row, secret


def remove(channel: Channel, *, by: Caller) -> None:
    """Remove a channel with its log of deliveries."""
    with transaction.atomic():
        row = _lock(channel)
        _record(row, events.ChannelRemoved(name=row.name, kind=row.kind, enabled=row.enabled), by=by)
        row.delete()


def switch_off(channel_id: str, because: str) -> None:
    """Disable a failing channel: its pending deliveries fail, and it gets no new ones. In the caller's transaction."""
    row = Channel.objects.select_for_update(no_key=True, of=("self",)).filter(pk=channel_id, enabled=True).first()
    if row is None:
        return
    _switch(row, False)
    row.off_because = because[:500]
    row.save(update_fields=["enabled", "off_because", "failures_in_a_row"])
    event = events.ChannelSwitchedOff(name=row.name, kind=row.kind)
    activity.record(row.workspace_id, event, by=MUSTER, object_id=row.pk, reason=because)


def shown_target(channel: Channel, *, whole: bool) -> str:
    """The target for display. Without `whole`, a webhook's path and query (which may hold a password) and e-mail addresses are hidden."""
    return channel.target if whole else kind_of(channel).shown(channel.target)


def _switch(row: Channel, on: bool) -> None:
    if on and not row.enabled:
        row.off_because, row.failures_in_a_row, row.rests_until = "", 0, None
        digests.skip_missed(row)
    if row.enabled and not on:
        waiting = Delivery.objects.filter(channel=row, state=Delivery.State.PENDING)
        waiting.filter(tried_at__isnull=True).update(answer=OFF)
        waiting.update(state=Delivery.State.FAILED)
    row.enabled = on


def _lock(channel: Channel) -> Channel:
    row = Channel.objects.select_for_update(of=("self",)).select_related("workspace").filter(pk=channel.pk).first()
    if row is None:
        raise NotFound("Channel not found")
    return row


def _chosen(row: Channel, settings: ChannelSettings, *, has_digest: bool) -> list[str] | None:
    """The new events; None: they stay. A channel without any has a digest."""
    if settings.verbs is None:
        if not has_digest and not row.verbs.exists():
            raise Invalid("Name at least one event, or a digest", "digest")
        return None
    return _verbs(settings.verbs, has_digest=has_digest)


def _verbs(verbs: Sequence[str], *, has_digest: bool) -> list[str]:
    if not verbs and not has_digest:
        raise Invalid("Name at least one event, or a digest", "verbs")
    if unknown := sorted(set(verbs) - events.notices().keys()):
        raise Invalid(f"There is no notice of {unknown[0][:60]!r}", "verbs")
    return sorted(set(verbs))


def _record(row: Channel, event: ChannelEvent, *, by: Caller) -> None:
    """Record the event without the channel's target: every member can read the activity, and a URL may hold a password."""
    activity.record(row.workspace_id, event, by=by, object_id=row.pk)
