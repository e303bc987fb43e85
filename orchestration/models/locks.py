"""Paths that one entry at a time may touch."""

from django.db import models
from django.db.models.functions import Now

from orchestration.models.entries import Entry
from workspaces.models import Workspace


class FileLock(models.Model):
    """A path that only one entry may touch. `src/api/` overlaps all under it: a trigger refuses overlaps (sql/)."""

    # Its own index would tempt the planner away from the unique one, which is the one that finds a path.
    # The entry's key already says that the workspace exists.
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="locks", db_index=False, db_constraint=False)
    path = models.CharField(max_length=1024)
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="locks")
    acquired_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "path"], name="one_lock_per_path")]

    def __str__(self) -> str:
        return self.path
