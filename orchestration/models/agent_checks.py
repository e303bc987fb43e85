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


class ProviderBreaker(models.Model):
    """Refusals in a row of what a provider limits as one (`configuration.model_access`). Open, and its agents wait, once it has a code."""

    class AskedBy(models.TextChoices):
        """gateway: by a request of its own, before `until`. session: by one session after `until`, since the gateway's request says nothing of this key."""

        GATEWAY = "gateway"
        SESSION = "session"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="provider_breakers", db_index=False)
    credential = models.CharField(max_length=200, help_text="A variable, a login, or a program.")
    family = models.CharField(max_length=100, blank=True, help_text="Of models. Empty: all of them.")
    count = models.PositiveIntegerField(default=0, help_text="Sessions in a row that found the provider unavailable.")
    code = models.CharField(max_length=30, blank=True, help_text="Why its agents cannot work. Empty: it is closed.")
    message = ForeignChar(max_length=500, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True, help_text="Then one session is tried.")
    asked_by = models.CharField(
        max_length=7,
        choices=AskedBy.choices,
        blank=True,
        default="",
        db_default="",
        help_text="Empty: nobody has asked again about this refusal yet, or the key is another one.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "credential", "family"], name="one_breaker_per_credential_and_family")
        ]

    def __str__(self) -> str:
        return f"{self.credential} {self.family}".rstrip()
