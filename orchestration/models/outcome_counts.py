"""Counts of ended rounds, sessions and landings by result, ever."""

from django.db import models

from workspaces.models import Workspace


class OutcomeCount(models.Model):
    """Some ends of one kind. Triggers add a row for each round, session and landing that ends (sql/), and `outcome_counts` adds rows up.

    A sum of rows never falls, and no two transactions ever wait for the same row.
    """

    class Of(models.TextChoices):
        ROUND = "round"
        SESSION = "session"
        LANDING = "landing"

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="outcome_counts", db_index=False)
    of = models.CharField(max_length=7, choices=Of.choices)
    kind = models.CharField(max_length=12, blank=True, default="", db_default="", help_text="A session's role, a landing's kind.")
    result = models.CharField(max_length=15)
    number = models.BigIntegerField(default=1, db_default=1)

    class Meta:
        indexes = [models.Index(fields=["workspace", "of", "kind", "result", "number"], name="outcome_counts_by_result")]

    def __str__(self) -> str:
        return f"{self.number} {self.of} {self.result}"
