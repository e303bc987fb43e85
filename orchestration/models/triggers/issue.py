"""Entries that came of issues, and what Muster wrote there."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orchestration.models.entries import Entry
from workspaces.models import Workspace
from workspaces.values.foreign_fields import ForeignChar


class IssueEntry(models.Model):
    """An entry's issue. It is written with the entry; comments there follow, each once."""

    entry = models.OneToOneField(Entry, primary_key=True, on_delete=models.PROTECT, related_name="issue")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="issue_entries", db_index=False)
    issue = models.CharField(max_length=100, help_text="The forge and its own id of the issue.")
    number = models.PositiveIntegerField()
    url = ForeignChar(max_length=500, blank=True, default="", db_default="")
    text = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="Its quotation, as a person saw it last. Empty: from before this was kept.",
    )
    edited_text = models.TextField(
        blank=True, default="", db_default="", help_text="Its quotation as it is now, where it was edited since."
    )
    is_open = models.BooleanField(
        default=True, db_default=True, help_text="Its entry has not ended, as far as a firing has seen."
    )
    commented_at = models.DateTimeField(null=True, blank=True, help_text="The issue has the comment with the entry.")
    closed_at = models.DateTimeField(null=True, blank=True, help_text="The entry has landed, and the issue is closed.")
    look_until = models.DateTimeField(null=True, blank=True, help_text="A process writes there now.")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="The forge may not be asked before.")
    problem = models.CharField(max_length=20, blank=True, db_default="", default="", help_text="The forge's last error, by name.")
    failures = models.PositiveIntegerField(db_default=0, default=0, help_text="In a row.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "issue"], condition=Q(is_open=True), name="one_open_entry_for_each_issue"
            ),
        ]
        indexes = [
            models.Index(
                fields=["retry_at"], condition=Q(commented_at__isnull=True) | Q(closed_at__isnull=True), name="issues_to_write_to"
            )
        ]
        verbose_name_plural = "issue entries"

    def __str__(self) -> str:
        return f"Issue {self.number} of {self.entry_id}"
