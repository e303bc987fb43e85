"""Second factors of logins by password (`workspaces/people/password_login/`)."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class SecondFactor(models.Model):
    """A code of an app, once its person has confirmed it, or a passkey: a login by password needs it too. The key of the app is kept sealed."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="second_factor"
    )
    sealed_key = models.BinaryField(editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(
        default=0, help_text="The time of the last code: neither it nor an earlier one counts again."
    )
    handle = models.BinaryField(
        null=True, unique=True, max_length=32, editable=False, help_text="Random: the name of the person in their passkeys."
    )

    def __str__(self) -> str:
        return f"second factor of {self.user}"


class RecoveryCode(models.Model):
    """A code in place of the app's, stored as SHA-256 and deleted when it is used."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes", db_index=False)
    digest = models.CharField(max_length=64, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["factor", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code of {self.factor}"


class Passkey(models.Model):
    """A key pair on a device of the person (WebAuthn). The server has the public half."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="passkeys", db_index=False)
    name = models.CharField(max_length=60)
    credential_id = models.BinaryField(unique=True, max_length=1023, editable=False)
    public_key = models.BinaryField(max_length=2000, editable=False, help_text="As COSE.")
    sign_count = models.PositiveBigIntegerField(default=0, help_text="Grows with each use; 0 if the device does not count.")
    host = models.CharField(max_length=253, help_text="The host name it was added at: it works there alone.")
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["factor", "name"], name="one_passkey_per_name")]

    def __str__(self) -> str:
        return f"passkey {self.name} of {self.factor_id}"
