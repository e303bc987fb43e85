"""The activity log."""

from django.db import models
from django.db.models.functions import Now

from workspaces.models.people import Workspace


class Event(models.Model):
    """One line of the activity log. Insert-only: triggers refuse updates, and deletes of what people did or what is new (sql/)."""

    class ActorKind(models.TextChoices):
        HUMAN = "human"
        AUTOMATION = "automation"

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="events", db_index=False)
    at = models.DateTimeField(db_default=Now())
    actor = models.CharField(max_length=200)
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    verb = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60, blank=True)
    data = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "id"], name="event_in_order"),
            models.Index(fields=["object_id", "id"], name="event_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.object_id}"
