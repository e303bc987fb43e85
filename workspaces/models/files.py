"""Files of a workspace that git ignores."""

from django.db import models
from django.db.models import Q

from workspaces.models.people import Workspace

MAX_BYTES = 256 * 1024
MAX_PATH = 300  # characters


class IgnoredFile(models.Model):
    """A file that clones of the workspace get. Its content is sealed, and no answer has it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="ignored_files", db_index=False)
    path = models.CharField(max_length=MAX_PATH, help_text="Relative to the root of the repository.")
    sealed = models.BinaryField()
    size = models.PositiveIntegerField(help_text="In bytes.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of its content.")
    masked = models.PositiveIntegerField(help_text="The number of its values that are masked.")
    changed_by = models.CharField(max_length=200)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "path"], name="one_ignored_file_per_path"),
            models.CheckConstraint(condition=Q(size__lte=MAX_BYTES), name="ignored_files_are_small"),
        ]

    def __str__(self) -> str:
        return self.path
