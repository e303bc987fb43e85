"""Variables that only agents get."""

from django.db import models

from workspaces.models import Workspace


class Secret(models.Model):
    """A variable that only agents get. Encrypted at rest, masked in all stored output."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=100)
    sealed = models.BinaryField()
    changed_by = models.CharField(max_length=200)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_secret_per_name")]

    def __str__(self) -> str:
        return self.name
