"""Triggers, which add entries by themselves, and their firings."""

from orchestration.models.triggers.firing import Firing
from orchestration.models.triggers.trigger import Trigger

__all__ = ["Firing", "Trigger"]
