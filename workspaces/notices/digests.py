"""The digest of a channel: chosen with the channel, claimed once a period. What it says is read in `orchestration/edge/digests.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from workspaces import activity
from workspaces.access import MUSTER
from workspaces.activity.events import ActivityEvent
from workspaces.errors import Invalid
from workspaces.models import Channel, Delivery, Digest
from workspaces.notices.schedule import Schedule
from workspaces.people import preferences
from workspaces.values.standing_query import StandingQuery

DEFAULT_HOUR = 8
MAX_BATCH = 100


@dataclass(frozen=True)
class DigestSettings:
    """`frequency`: empty for no digest."""

    frequency: str
    hour: int = DEFAULT_HOUR
    time_zone: str = "UTC"

    @property
    def words(self) -> str:
        return f"{self.frequency} at {self.hour:02}:00 {self.time_zone}" if self.frequency else "none"


@dataclass(frozen=True)
class Period:
    """The period of one digest. `following`: when the next one is due."""

    since: datetime
    until: datetime
    following: datetime


def check(chosen: DigestSettings) -> None:
    """Raises Invalid."""
    if chosen.frequency and chosen.frequency not in Digest.Frequency.values:
        raise Invalid("Choose daily, weekly or never", "digest")
    if not 0 <= chosen.hour <= 23:
        raise Invalid("Choose an hour from 0 to 23", "digest_hour")
    if chosen.time_zone not in preferences.zones():
        raise Invalid(f"{chosen.time_zone[:60]!r} is not a time zone: write one like Europe/Berlin", "digest_zone")


def put(channel: Channel, chosen: DigestSettings) -> None:
    """Give the channel this digest, or none. In the caller's transaction. A change of anything else leaves its turn as it is."""
    current = Digest.objects.filter(channel=channel).first()
    if not chosen.frequency:
        Digest.objects.filter(channel=channel).delete()
    elif current is None or (current.frequency, current.hour, current.time_zone) != (
        chosen.frequency,
        chosen.hour,
        chosen.time_zone,
    ):
        values = {"frequency": chosen.frequency, "hour": chosen.hour, "time_zone": chosen.time_zone}
        due_at = _schedule(Digest(**values)).after(timezone.now())
        Digest.objects.update_or_create(channel=channel, defaults=values | {"due_at": due_at})


def skip_missed(channel: Channel) -> None:
    """Send nothing that a channel missed while it was off. In the caller's transaction."""
    at = timezone.now()
    for digest in Digest.objects.filter(channel=channel, due_at__lte=at):
        Digest.objects.filter(pk=digest.pk).update(due_at=_schedule(digest).after(at))


any_kept = StandingQuery(Digest.objects.all)


def due(at: datetime) -> Iterator[tuple[Digest, Period]]:
    """Digests whose time has come, of channels that are on. After a pause of Muster, one digest covers all that it missed."""
    ready = Digest.objects.filter(due_at__lte=at, channel__enabled=True, channel__workspace__deleted_at__isnull=True)
    for digest in ready.select_related("channel__workspace").order_by("due_at", "pk")[:MAX_BATCH]:
        schedule = _schedule(digest)
        following = schedule.after(at)
        yield digest, Period(schedule.before(digest.due_at), schedule.before(following), following)


def send(digest: Digest, period: Period, event: ActivityEvent | None) -> bool:
    """Claim this period, and hand its event to the sender. None: there is nothing to say, and the period passes. False: another worker was
    first, or the channel changed meanwhile."""
    with transaction.atomic():
        # First the channel, as everywhere; and not by a join: PostgreSQL does not look at a joined condition again after waiting for the row.
        if not Channel.objects.select_for_update(no_key=True).filter(pk=digest.channel_id, enabled=True).exists():
            return False
        if not Digest.objects.filter(pk=digest.pk, due_at=digest.due_at).update(due_at=period.following):
            return False
        if event is not None:
            line = activity.record(digest.channel.workspace_id, event, by=MUSTER, object_id=digest.channel_id)
            Delivery.objects.create(channel_id=digest.channel_id, event=line)
    return True


def zone_of(digest: Digest) -> ZoneInfo:
    """UTC if the system does not know its time zone any more."""
    return ZoneInfo(digest.time_zone if digest.time_zone in preferences.zones() else "UTC")


def _schedule(digest: Digest) -> Schedule:
    return Schedule(digest.frequency == Digest.Frequency.WEEKLY, digest.hour, zone_of(digest))
