"""The orchestration app on the admin site. Django imports this package by its name."""

from orchestration.admin import landing, models, places, runs

__all__ = ["landing", "models", "places", "runs"]
