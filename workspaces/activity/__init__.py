"""The activity log: who did what to what, and why."""

from workspaces.activity.log import event, record, told

__all__ = ["event", "record", "told"]
