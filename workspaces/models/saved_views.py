"""Views of the entries that a team has named."""

from django.db import models
from django.db.models.functions import Lower, Now

from workspaces.models.people import Workspace


class SavedView(models.Model):
    """Filters, order and layout of the page of entries, as the query of its address."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="saved_views", db_index=False)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True, help_text="Empty: the page as it opens.")
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint("workspace", Lower("name"), name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name
