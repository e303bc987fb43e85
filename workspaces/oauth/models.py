"""Authorization code grants, and dynamically registered clients."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from workspaces.models import ApiToken, known_words


class RegisteredClient(models.Model):
    """A dynamically registered client (RFC 7591). It is deleted after a day without an approval, or long after the last one."""

    id = models.CharField(primary_key=True, max_length=40, editable=False)
    name = models.CharField(max_length=80, help_text="In its own words.")
    redirect_uris = models.JSONField()
    address = models.CharField(max_length=45, blank=True, help_text="The address that the server saw.")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)
    approved_at = models.DateTimeField(null=True, blank=True, help_text="The last time that a person let it in.")

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """An approved grant: a one-time code, then its token. Only the code's SHA-256 is stored."""

    class State(models.TextChoices):
        APPROVED = "approved"
        USED = "used"
        ENDED = "ended"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="grants")
    client_id = models.CharField(max_length=500)
    client_name = models.CharField(max_length=80)
    redirect_uri = models.CharField(max_length=500)
    resource = models.CharField(max_length=500, help_text="The address that the token is for (RFC 8707).")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    challenge = models.CharField(max_length=43, editable=False, help_text="Of PKCE: the SHA-256 of the program's secret.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.APPROVED)
    token = models.OneToOneField(  # without a constraint: where the extra is gone, this row is unknown when a token is deleted
        ApiToken, null=True, blank=True, on_delete=models.CASCADE, related_name="grant", db_constraint=False
    )
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="approved", token__isnull=True) | Q(state="used", token__isnull=False) | Q(state="ended"),
                name="grant_has_its_token",
            )
        ]

    def __str__(self) -> str:
        return f"{self.client_name} of {self.user}"


known_words.keep(Grant)
