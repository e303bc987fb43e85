"""The activity log: who did what to what, and why."""

from workspaces.activity.log import record, recorded, row

__all__ = ["record", "recorded", "row"]
