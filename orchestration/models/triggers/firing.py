"""Firings: the events of triggers, each with what came of it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.models.entries import Entry
from orchestration.models.triggers.trigger import Trigger


class Firing(models.Model):
    """One event of a trigger. Its key is unique there, so that the event counts once; it is written in the transaction of its entry."""

    class Skipped(models.TextChoices):
        """The reason why it added no entry. downtime: its time had passed while Muster was down. invalid: the template fits the config no more.
        Of an issue: open: its entry is not finished. stranger: its label was added by an account that may not write there; agent: by an agent's, or Muster's own."""

        DISABLED = "disabled"
        OVERLAP = "overlap"
        MONTH_BUDGET = "month_budget"
        DOWNTIME = "downtime"
        INVALID = "invalid"
        OPEN = "open"
        STRANGER = "stranger"
        AGENT = "agent"

    trigger = models.ForeignKey(Trigger, on_delete=models.PROTECT, related_name="firings", db_index=False)
    key = models.CharField(
        max_length=200, help_text="Of a schedule: the time in UTC. Of an issue: the forge's id of the label's event."
    )
    at = models.DateTimeField(db_default=Now())
    month = models.CharField(max_length=7, help_text="In the trigger's time zone, as 2026-12.")
    fired_by = models.CharField(max_length=200, blank=True, help_text="The person. Empty: the trigger itself.")
    entry = models.OneToOneField(Entry, null=True, blank=True, on_delete=models.PROTECT, related_name="firing")
    skipped = models.CharField(max_length=12, choices=Skipped.choices, blank=True, default="", db_default="")
    message = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trigger", "key"], name="an_event_of_a_trigger_counts_once"),
            models.CheckConstraint(
                condition=Q(entry__isnull=False, skipped="") | Q(entry__isnull=True, skipped__gt=""),
                name="a_firing_has_an_entry_or_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["trigger", "-id"], name="firings_newest_first"),
            models.Index(fields=["trigger", "month"], condition=Q(entry__isnull=False), name="entries_of_a_triggers_month"),
        ]

    def __str__(self) -> str:
        return f"{self.trigger_id} {self.key}"
