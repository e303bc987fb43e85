"""Backups that were written: when the last whole one was."""

from django.db import models
from django.db.models.functions import Now


class Backup(models.Model):
    at = models.DateTimeField(db_default=Now())
    host = models.CharField(max_length=200)
    is_whole = models.BooleanField(help_text="It lacks no work that was known then.")

    class Meta:
        indexes = [models.Index(fields=["is_whole", "-at"], name="backups_newest_first")]

    def __str__(self) -> str:
        return f"Backup at {self.at:%Y-%m-%d %H:%M}"
