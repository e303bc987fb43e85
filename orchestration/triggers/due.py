"""The pass of each tick over the schedules whose time has come."""

from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from orchestration.models import Firing, Trigger
from orchestration.triggers import firing, schedules
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

ON_TIME = timedelta(minutes=10)
"""A tick that comes later than that comes after a downtime."""


def run_due() -> None:
    """Fire what is due, each once. Two workers may do so at the same time."""
    for trigger in _due().order_by("next_due", "pk") if _any_due.any() else ():
        try:
            fire_due(trigger, timezone.now())
        except DatabaseError:
            raise
        except Exception:
            log.exception("trigger.failed", trigger=trigger.pk)


def fire_due(trigger: Trigger, now: datetime) -> Firing | None:
    """Fire the newest time that has come, and go on to the next one. Earlier ones are past: one entry does their work."""
    with transaction.atomic():
        row = firing.locked(trigger)
        if row.next_due is None or row.next_due > now:
            return None
        newest = schedules.latest(row.schedule, row.time_zone, row.next_due, now)
        row.next_due = next(iter(schedules.upcoming(row.schedule, row.time_zone, now, 1)), None)
        row.save(update_fields=["next_due"])
        key = f"{newest:%Y-%m-%dT%H:%M:%SZ}"
        if now - newest > ON_TIME and row.catch_up == Trigger.CatchUp.NONE:
            if before := row.firings.filter(key=key).first():
                return before
            return firing.skip(row, key, Firing.Skipped.DOWNTIME, "Its time had passed while Muster was down", now=now)
        return firing.fire(row, key, now=now)


def _due() -> QuerySet[Trigger]:
    return Trigger.objects.filter(kind=Trigger.Kind.SCHEDULE, next_due__lte=Now(), workspace__deleted_at__isnull=True)


_any_due = StandingQuery(_due)
