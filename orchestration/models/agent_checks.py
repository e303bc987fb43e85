"""Checks of a workspace's agents: whether they can work."""

from django.db import models

from workspaces.models import Workspace
from workspaces.values.foreign_fields import ForeignChar


class AgentCheck(models.Model):
    """The newest check of a workspace's agents: their programs and credentials on a worker's host. `requests` counts what made it due."""

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.CASCADE, related_name="agent_check")
    due = models.BooleanField(default=True, db_default=True)
    requests = models.PositiveIntegerField(default=0, db_default=0)
    ok = models.BooleanField(null=True, help_text="Empty: not checked yet.")
    message = ForeignChar(max_length=1000, blank=True, db_default="", help_text="What was found, as a sentence.")
    host = models.CharField(max_length=200, blank=True, db_default="")
    at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"agents of {self.workspace_id}"
