"""The column of amounts."""

from django.db import models


class MoneyField(models.BigIntegerField):
    """Micro-USD."""
