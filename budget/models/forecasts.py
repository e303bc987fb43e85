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
    end_at = models.DateTimeField(null=True, blank=True, help_text="When the backlog is done.")
    foretold_at = models.DateTimeField(null=True, blank=True, help_text="When the cost of the next sessions was foretold.")
    foretold_low = MoneyField(null=True, blank=True)
    foretold_high = MoneyField(null=True, blank=True)
    compared = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Costs foretold that were compared with what happened."
    )
    held = models.PositiveIntegerField(default=0, db_default=0, help_text="Those that happened as foretold.")

    def __str__(self) -> str:
        return f"Forecast of {self.project_id}"
