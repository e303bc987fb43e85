"""Limits below the cap, the spend of each day, and crossed warning thresholds. Triggers keep and enforce them (sql/)."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from budget.amounts.money import MoneyField
from budget.categories import Category, Scope
from budget.models.accounts import Project


class Limit(models.Model):
    """The most that one category or all together may spend, over the whole life or in a UTC day.

    The limit of all together over the whole life is `Project.max_project_spend`, never a row here. Changed only under the project's lock.
    """

    Scope = Scope

    class Period(models.TextChoices):
        ALL = "all"
        DAY = "day"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="limits", db_index=False)
    category = models.CharField(max_length=12, choices=Scope.choices)
    period = models.CharField(max_length=3, choices=Period.choices)
    amount = MoneyField()
    reached_on = models.DateField(null=True, blank=True, help_text="The UTC day of the last time that it was told as reached.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "category", "period"], name="one_limit_of_a_kind"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="limit_amount"),
            models.CheckConstraint(condition=~Q(category="total", period="all"), name="the_cap_is_no_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.period}: {self.amount} micro-USD"


class DaySpend(models.Model):
    """The spend of one UTC day and category. Kept by the ledger's trigger."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="days", db_index=False)
    day = models.DateField()
    category = models.CharField(max_length=12, choices=Category.choices)
    amount = MoneyField(default=0)

    class Meta:
        verbose_name = "spend of a day"
        verbose_name_plural = "spend by day"
        constraints = [models.UniqueConstraint(fields=["project", "day", "category"], name="one_spend_per_day")]

    def __str__(self) -> str:
        return f"{self.category} on {self.day}"


class ThresholdCrossing(models.Model):
    """Spend passed this share of the cap, once. Re-armed when the cap is raised so far that spend is below the share."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="crossings")
    percent = models.PositiveIntegerField()
    cap = MoneyField()
    spent = MoneyField()
    at = models.DateTimeField(db_default=Now())
    rearmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "percent"], condition=Q(rearmed_at__isnull=True), name="a_threshold_fires_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of the cap"
