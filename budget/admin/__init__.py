"""The budget app on the admin site. Django imports this package by its name."""

from budget.admin import models

__all__ = ["models"]
