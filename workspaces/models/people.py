"""Workspaces, roles in them, and API tokens: who may see and do what."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from workspaces.values import git_urls, ids


class Role(models.TextChoices):
    """viewer reads; operator runs the executor and the backlog; budget steers money; admin does all (extensions.md)."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    BUDGET = "budget"
    ADMIN = "admin"


class Workspace(models.Model):
    """A git repository with a backlog. Deleting one hides it: the ledger is kept for good."""

    id = models.CharField(primary_key=True, max_length=40, default=ids.workspace, editable=False)
    name = models.CharField(max_length=200)
    repo = models.CharField(max_length=1024, help_text="A path on the server, or the local clone of a git URL.")
    origin = models.CharField(max_length=1024, blank=True, help_text="The git URL it was cloned from, if any.")
    host_id = models.CharField(
        max_length=40,
        blank=True,
        db_default="",
        default="",
        help_text="The host that has it. Empty: every host, at the same path.",
    )
    base_branch = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    @property
    def shown_origin(self) -> str:
        """Its git URL, without a user and a password."""
        return git_urls.without_password(self.origin)


class Membership(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "workspace"], name="one_role_per_member")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.workspace}"


AS_OWNER = "owner"
"""The role of a token that stands for its owner: in each workspace the role that the owner has there at that moment."""


class ApiToken(models.Model):
    """A bearer token. Only its SHA-256 is stored. A session's token names its session, and is revoked with its end.

    A person's own token names its owner and never allows more than the owner may at that moment: it is void once they are deactivated,
    no longer a member, or have a role that does not cover the token's (`tokens.find`). One that stands for its owner (`AS_OWNER`) has no
    workspace: `access` looks up the owner's role.
    """

    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=16, editable=False, help_text="The first characters, to recognise it by.")
    role = models.CharField(max_length=10, choices=[*Role.choices, (AS_OWNER, "its owner's")], default=Role.VIEWER)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: every workspace.")
    session_ref = models.CharField(max_length=40, blank=True, editable=False)
    owner = models.ForeignKey(  # never SET_NULL: a token without an owner is not bound to anyone's permissions
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.CASCADE, related_name="api_tokens"
    )
    by_provider = models.BooleanField(
        db_default=False,
        default=False,
        editable=False,
        help_text="Its owner logs in by single sign-on: void where that is switched off.",
    )
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To within an hour.")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    owner_is_superuser = False
    """Read with the token by `tokens.find`, and by nothing else."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(role=AS_OWNER) | Q(owner__isnull=False, workspace__isnull=True, session_ref=""),
                name="token_stands_for_an_owner",
            )
        ]
        indexes = [models.Index(fields=["session_ref"], name="token_by_session", condition=~Q(session_ref=""))]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def stands_for_owner(self) -> bool:
        return self.role == AS_OWNER


class DeviceLogin(models.Model):
    """A command line that asks to be logged in (RFC 8628), until a person confirms its code. Of the code that it keeps, only the SHA-256 is
    stored. Deleted an hour after its end."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        DENIED = "denied"
        USED = "used"

    digest = models.CharField(max_length=64, unique=True)
    user_code = models.CharField(max_length=8, unique=True)
    client = models.CharField(max_length=80, help_text="The program, in its own words.")
    address = models.CharField(max_length=45, blank=True, help_text="The address that the server saw.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="device_logins"
    )
    interval_s = models.PositiveIntegerField(help_text="Seconds between two questions of the program.")
    polled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True, state__in=["pending", "denied"])
                | Q(user__isnull=False, state__in=["approved", "denied", "used"]),
                name="device_login_has_a_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.client} at {self.address}"
