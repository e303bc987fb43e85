"""Variables that only agents get, and the credentials that they are served with."""

from django.db import models
from django.db.models import Value

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


class Credential(models.Model):
    """The means by which a provider serves an agent: a key of its own, a secret, or the login of a program. Named by an admin, or after the variable or the login
    that `configuration.model_access` derives; without a row it is `paid` and has no windows."""

    class Billing(models.TextChoices):
        """paid: each request costs its price. plan: a subscription is paid already, and its windows are what is short."""

        PAID = "paid"
        PLAN = "plan"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="credentials")
    name = models.CharField(max_length=200)
    variable = models.CharField(
        max_length=100, blank=True, help_text="Agents get its key under this name. Empty: the program's usual one."
    )
    sealed = models.BinaryField(null=True, help_text="Its key. Empty: that of a secret, or of a login.")
    base_url = models.CharField(max_length=500, blank=True)
    billing = models.CharField(max_length=4, choices=Billing.choices, default=Billing.PAID, db_default=Billing.PAID)
    stop_at = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text="By window: nothing starts once so much of it is used.",
    )
    windows = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        help_text="By window: what its provider reported last.",
    )
    changed_by = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_credential_per_name")]

    def __str__(self) -> str:
        return self.name
