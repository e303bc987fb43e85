"""The newest forecast of each project, computed by the control worker."""

from django.db import models

from budget.amounts.money import MoneyField
from budget.models.accounts import Project


class ForecastRecord(models.Model):
    """Amounts in micro-USD, dates as of `computed_at`. It is due again when `version` or `event` is behind."""

    project = models.OneToOneField(Project, primary_key=True, on_delete=models.CASCADE, related_name="forecast")
    computed_at = models.DateTimeField()
    version = models.BigIntegerField(help_text="The project's version that it was computed from.")
    event = models.BigIntegerField(help_text="The newest line of activity then.")
    enough = models.BooleanField()
    why_not = models.CharField(max_length=200, blank=True)
    rate = MoneyField(default=0)
    low_rate = MoneyField(default=0)
    high_rate = MoneyField(default=0)
    cap_at = models.DateTimeField(null=True, blank=True)
    cap_from = models.DateTimeField(null=True, blank=True)
    cap_until = models.DateTimeField(null=True, blank=True)
    end_spend = MoneyField(null=True, blank=True)
    end_low = MoneyField(null=True, blank=True)
    end_high = MoneyField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Forecast of {self.project_id}"
