"""The orchestration app on the admin site. Django imports this package by its name."""

from orchestration.admin import models, places

__all__ = ["models", "places"]
