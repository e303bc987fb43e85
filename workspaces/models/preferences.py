"""A person's preferences for pages, and the items that they have read there; and failed logins."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Preferences(models.Model):
    """A person without a row sees the defaults."""

    class Theme(models.TextChoices):
        SYSTEM = "system", "As the system has it"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    class Density(models.TextChoices):
        NORMAL = "normal", "Normal rows"
        COMFORTABLE = "comfortable", "Comfortable rows"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preferences")
    time_zone = models.CharField(max_length=64, blank=True, help_text="An IANA name. Empty: the server's.")
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM)
    density = models.CharField(max_length=15, choices=Density.choices, default=Density.NORMAL)
    shortcuts = models.BooleanField(default=True, help_text="Single keys do something on pages.")

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"preferences of {self.user}"


class QueueMark(models.Model):
    """An item of the queue on a person's home page that they have read. `aside_until`: it does not show before."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="queue_marks", db_index=False)
    key = models.CharField(max_length=200)
    aside_until = models.DateTimeField(null=True, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_mark_per_item")]

    def __str__(self) -> str:
        return self.key


class FailedLogin(models.Model):
    """Failed logins by name and address. Deleted when the window is over, or after a successful login."""

    key = models.CharField(max_length=64, primary_key=True, help_text="The SHA-256 of the name and the address.")
    tries = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.tries} since {self.since}"
