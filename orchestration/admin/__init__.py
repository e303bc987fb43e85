"""The orchestration app on the admin site. Django imports this package by its name."""

from orchestration.admin import backups, dialogue, forges, landing, models, outcome_counts, places, runs, triggers

__all__ = ["backups", "dialogue", "forges", "landing", "models", "outcome_counts", "places", "runs", "triggers"]
