"""Channels, and the deliveries of events to them. A trigger creates deliveries when a line of activity is written (sql/), in the same
transaction.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from workspaces.models.events import Event
from workspaces.models.people import Workspace
from workspaces.values import ids
from workspaces.values.foreign_fields import ForeignChar


class Channel(models.Model):
    """A destination of notices. The signing secret is kept sealed, and is unsealed only while sending."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        EMAIL = "email"
        SLACK = "slack"
        DISCORD = "discord"
        TEAMS = "teams"

    id = models.CharField(primary_key=True, max_length=40, default=ids.channel, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="channels")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    target = models.CharField(max_length=2000, help_text="A URL, or addresses with commas between them.")
    sealed = models.BinaryField(default=bytes, help_text="The signing secret of a webhook.")
    enabled = models.BooleanField(default=True)
    off_because = ForeignChar(max_length=500, blank=True, help_text="Why it is off, when Muster switched it off.")
    failures_in_a_row = models.PositiveIntegerField(default=0)
    rests_until = models.DateTimeField(null=True, blank=True, help_text="After a failure: nothing goes there before.")
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="channel_names_differ")]

    def __str__(self) -> str:
        return self.name


class ChannelVerb(models.Model):
    """A kind of event that a channel subscribes to."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="verbs", db_index=False)
    verb = models.CharField(max_length=60)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["verb", "channel"], name="a_verb_once_per_channel")]
        indexes = [models.Index(fields=["channel"], name="verbs_of_channel")]

    def __str__(self) -> str:
        return self.verb


class Digest(models.Model):
    """A summary that a channel gets once a period. A sender claims it by moving `due_at` to the next period, in the transaction of its delivery."""

    class Frequency(models.TextChoices):
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every Monday"

    channel = models.OneToOneField(Channel, primary_key=True, on_delete=models.CASCADE, related_name="digest")
    frequency = models.CharField(max_length=6, choices=Frequency.choices)
    hour = models.PositiveSmallIntegerField(help_text="0 to 23, in its time zone.")
    time_zone = models.CharField(max_length=64, help_text="An IANA name.")
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(frequency__in=["daily", "weekly"]), name="digest_every_day_or_every_week"),
            models.CheckConstraint(condition=Q(hour__lte=23), name="digest_at_an_hour_of_the_day"),
        ]

    def __str__(self) -> str:
        return f"{self.frequency} at {self.hour:02}:00 {self.time_zone}"


class Delivery(models.Model):
    """One event on its way to one channel. A sender may claim it from `due_at`; a claim moves that by a lease."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(
        Event,
        null=True,
        blank=True,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="deliveries",
        help_text="Empty: a test.",
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True, blank=True)
    took_ms = models.PositiveIntegerField(null=True, blank=True)
    status = models.PositiveIntegerField(null=True, blank=True, help_text="What the receiver answered, in HTTP.")
    answer = ForeignChar(max_length=500, blank=True, help_text="The first of what it answered, or what went wrong.")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["channel", "event"], name="an_event_once_per_channel")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="deliveries_due"),
            models.Index(fields=["channel", "id"], name="deliveries_in_order"),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"
