"""Pull requests that carry verified work, and what forges posted about them."""

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from orchestration.models.entries import Entry
from workspaces.models import Workspace
from workspaces.values.foreign_fields import ForeignChar, ForeignJSON


class PullRequest(models.Model):
    """An entry's work on a forge. The row is there before the pull request: one that a process opened before it was killed is found again by
    its branch and its marker."""

    class State(models.TextChoices):
        """opening: its number is not known yet."""

        OPENING = "opening"
        OPEN = "open"
        MERGED = "merged"
        CLOSED = "closed"

    UNDECIDED = (State.OPENING, State.OPEN)

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="pull_requests", db_index=False)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="pull_requests")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPENING)
    branch = models.CharField(max_length=200)
    base = models.CharField(max_length=100)
    head = models.CharField(max_length=64, help_text="The commit that Muster verified.")
    pushed = models.CharField(
        max_length=64, blank=True, db_default="", default="", help_text="Where Muster last put the branch there, or saw it."
    )
    pushed_at = models.DateTimeField(null=True, blank=True, help_text="CI may need a moment to begin after that.")
    foreign_head = models.CharField(
        max_length=64, blank=True, db_default="", default="", help_text="Commits of others there, which are to be verified."
    )
    forge_id = models.CharField(max_length=40, blank=True, db_default="", default="", help_text="The forge's own id of it.")
    number = models.PositiveIntegerField(null=True, blank=True)
    url = ForeignChar(max_length=500, blank=True, db_default="", default="")
    checks = ForeignJSON(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="What CI says of its head: evidence of kind ci.",
    )
    merge_commit = models.CharField(
        max_length=64, blank=True, db_default="", default="", help_text="The commit on its base that has the work."
    )
    ended_by = ForeignChar(max_length=200, blank=True, db_default="", default="", help_text="Who merged or closed it there.")
    message = ForeignChar(max_length=500, blank=True, db_default="", default="", help_text="What it waits for, as a sentence.")
    problem = models.CharField(max_length=20, blank=True, db_default="", default="", help_text="The forge's last error, by name.")
    due = models.BooleanField(db_default=True, default=True, help_text="It is to be looked at now.")
    text_due = models.BooleanField(db_default=True, default=True, help_text="Its title and body are to be written again.")
    looked_at = models.DateTimeField(null=True, blank=True)
    look_until = models.DateTimeField(null=True, blank=True, help_text="A process looks at it now.")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="The forge may not be asked before.")
    failures = models.PositiveIntegerField(db_default=0, default=0, help_text="In a row.")
    opened_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When its entry followed the merge, or the rejection.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(state__in=["opening", "open"]), name="one_open_pull_request_per_entry"
            ),
            models.UniqueConstraint(
                fields=["workspace", "forge_id"], condition=Q(forge_id__gt=""), name="one_row_per_pull_request"
            ),
            models.CheckConstraint(
                condition=Q(state="opening") | Q(number__isnull=False, forge_id__gt=""), name="what_is_open_there_has_a_number"
            ),
            models.CheckConstraint(condition=~Q(state="merged") | Q(merge_commit__gt=""), name="what_is_merged_has_a_commit"),
        ]
        indexes = [
            models.Index(fields=["looked_at"], condition=Q(state__in=["opening", "open"]), name="open_pull_requests"),
            models.Index(fields=["workspace", "-id"], name="pull_requests_newest_first"),
        ]

    def __str__(self) -> str:
        return f"Pull request {self.number or ''} of {self.entry_id}"


class ForgeDelivery(models.Model):
    """A webhook that was acted upon. `key`: of its signed content."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="forge_deliveries", db_index=False)
    key = models.CharField(max_length=64)
    event = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="a_delivery_counts_once")]
        indexes = [models.Index(fields=["at"], name="forge_deliveries_by_age")]
        verbose_name_plural = "forge deliveries"

    def __str__(self) -> str:
        return f"{self.event} {self.key[:12]}"
