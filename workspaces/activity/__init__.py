"""The activity log: who did what to what, and why."""

from workspaces.activity.log import event, record, recorded

__all__ = ["event", "record", "recorded"]
