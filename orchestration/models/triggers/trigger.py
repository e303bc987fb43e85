"""Triggers: what adds entries without a person."""

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from budget.amounts.money import MoneyField
from workspaces.models import Workspace
from workspaces.values import ids
from workspaces.values.foreign_fields import ForeignChar


class Trigger(models.Model):
    """Adds one entry for each event: a time of its schedule, a label that a person adds to an issue, a call of its webhook, or a request of a person. A deleted one keeps its firings."""

    class Kind(models.TextChoices):
        SCHEDULE = "schedule"
        ISSUE = "issue"
        WEBHOOK = "webhook"

    class Overlap(models.TextChoices):
        """While an entry of it is open. queue: its next entry is added nevertheless."""

        SKIP = "skip"
        QUEUE = "queue"

    class CatchUp(models.TextChoices):
        """After times that passed while Muster was down. one: a single entry for all of them."""

        NONE = "none"
        ONCE = "one"

    id = models.CharField(primary_key=True, max_length=40, default=ids.trigger, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="triggers")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SCHEDULE)
    schedule = models.CharField(max_length=100, blank=True, help_text="Five fields of cron.")
    label = models.CharField(max_length=100, blank=True, db_default="", default="", help_text="Of an issue.")
    ignored_accounts = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text="Of agents: labels that they add do not count.",
    )
    watched_since = models.DateTimeField(null=True, blank=True, help_text="Labels that were added before do not count.")
    sealed = models.BinaryField(default=bytes, db_default=b"", help_text="The secret of its webhook.")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="Of its schedule and of its month.")
    template = models.JSONField(help_text="The fields of its entries, as the API takes them.")
    firing_budget = MoneyField(help_text="The budget of each of its entries.")
    month_budget = MoneyField(null=True, blank=True, help_text="What its entries of one month may cost. Empty: no limit.")
    overlap = models.CharField(max_length=10, choices=Overlap.choices, default=Overlap.SKIP)
    catch_up = models.CharField(max_length=10, choices=CatchUp.choices, default=CatchUp.NONE)
    is_enabled = models.BooleanField(default=True)
    next_due = models.DateTimeField(
        null=True, blank=True, help_text="The next time of its schedule, or when its issues are looked at."
    )
    problem = models.CharField(max_length=20, blank=True, db_default="", default="", help_text="The forge's last error, by name.")
    message = ForeignChar(max_length=500, blank=True, db_default="", default="", help_text="That error, as a sentence.")
    failures = models.PositiveIntegerField(db_default=0, default=0, help_text="In a row.")
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(firing_budget__gt=0) & (Q(month_budget__isnull=True) | Q(month_budget__gte=0)), name="trigger_amounts"
            ),
            models.CheckConstraint(
                condition=Q(next_due__isnull=True) | Q(kind__in=["schedule", "issue"], is_enabled=True, deleted_at__isnull=True),
                name="only_enabled_triggers_are_due",
            ),
            models.CheckConstraint(
                condition=Q(kind="issue", label__gt="", watched_since__isnull=False) | (~Q(kind="issue") & Q(label="")),
                name="a_trigger_by_issues_has_a_label",
            ),
        ]
        indexes = [models.Index(fields=["next_due"], condition=Q(next_due__isnull=False), name="triggers_by_next_time")]

    def __str__(self) -> str:
        return self.name
