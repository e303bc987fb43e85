"""Triggers, which add entries by themselves, their firings, and the issues of entries."""

from orchestration.models.triggers.firing import Firing
from orchestration.models.triggers.issue import IssueEntry
from orchestration.models.triggers.trigger import Trigger

__all__ = ["Firing", "IssueEntry", "Trigger"]
