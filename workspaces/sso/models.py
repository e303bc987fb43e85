"""Logins by the provider, and the roles that its groups give."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from workspaces.models import Membership, Role, Workspace


class ProviderLogin(models.Model):
    """A person's account at the provider, and how long its last login counts. The refresh token is kept sealed."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provider_login")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    refresh_token = models.BinaryField(default=bytes, editable=False)
    checked_at = models.DateTimeField(help_text="The provider confirmed the login.")
    tried_at = models.DateTimeField(null=True, blank=True, help_text="The last try to renew it.")
    problem = models.CharField(
        max_length=300, blank=True, default="", db_default="", help_text="The provider's, at the last try to renew it."
    )
    over_because = models.CharField(max_length=300, blank=True, help_text="Empty: the login counts.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_person_per_subject")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class GroupRole(models.Model):
    """The role that the members of a group have in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="group_roles")
    group = models.CharField(max_length=200)
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "group"], name="one_role_per_group")]

    def __str__(self) -> str:
        return f"{self.group} is {self.role} of {self.workspace}"


class GroupMembership(models.Model):
    """A membership that came by a group, and goes with it. Without a constraint: where single sign-on was switched off, nobody deletes this row
    before a membership."""

    membership = models.OneToOneField(
        Membership, primary_key=True, on_delete=models.CASCADE, related_name="by_group", db_constraint=False
    )

    def __str__(self) -> str:
        return f"{self.membership} by a group"
