"""Decisions of people about verified work before it lands."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.models.entries import Entry


class Approval(models.Model):
    """A person lets one commit of an entry land. It says nothing about any other commit."""

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="approvals")
    commit = models.CharField(max_length=64)
    by = models.CharField(max_length=200, help_text="Who approved it.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(db_default=Now())
    void_at = models.DateTimeField(null=True, blank=True, help_text="When other work took the place of this commit.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "commit"], name="one_approval_per_commit")]

    def __str__(self) -> str:
        return f"Approval of {self.commit[:12]} by {self.by}"


class ReviewComment(models.Model):
    """A person's comment on a line that waits for approval. The agent reads it once the work was sent back."""

    class Side(models.TextChoices):
        """new: the line as it would land. old: as it was, which the work removes."""

        NEW = "new"
        OLD = "old"

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="review_comments")
    commit = models.CharField(max_length=64)
    path = models.CharField(max_length=1024, blank=True, help_text="Empty: about the work as a whole.")
    line = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: about the file as a whole.")
    side = models.CharField(max_length=3, choices=Side.choices, default=Side.NEW, db_default=Side.NEW)
    quote = models.CharField(max_length=300, blank=True, db_default="", help_text="The line itself.")
    text = models.CharField(max_length=2000)
    by = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When the work was sent back with it.")
    forge_id = models.CharField(
        max_length=60, blank=True, db_default="", default="", help_text="Its id on the forge, if it was written there."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(line__isnull=True) | Q(line__gt=0, path__gt=""), name="a_line_is_in_a_file"),
            models.UniqueConstraint(fields=["entry", "forge_id"], condition=Q(forge_id__gt=""), name="a_comment_counts_once"),
        ]
        indexes = [models.Index(fields=["entry", "commit", "id"], name="comments_on_a_commit")]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path or self.text[:40]
