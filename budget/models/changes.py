"""Changes of amounts by people, the admin site, the allocation and reviews."""

from django.db import models
from django.db.models.functions import Now

from budget.models.accounts import Account, Project


class BudgetChange(models.Model):
    """One change of an amount, with who changed it, from what to what, and why."""

    class Source(models.TextChoices):
        HUMAN = "human"
        ADMIN = "admin"
        ALLOCATION = "allocation"
        REVIEW = "review"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="changes", db_index=False)
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.PROTECT, related_name="changes")
    at = models.DateTimeField(db_default=Now())
    field = models.CharField(max_length=30)
    before = models.BigIntegerField(null=True, blank=True, help_text="Empty: there was no limit.")
    after = models.BigIntegerField(null=True, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.HUMAN)
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "id"], name="change_in_order")]

    def __str__(self) -> str:
        return f"{self.field}: {self.before} to {self.after}"
