"""The activity log: who did what to what, and why.

- `events`: a class for each kind of event
- `log`: writing the lines; this package exports it
"""

from workspaces.activity.log import record, recorded, row

__all__ = ["record", "recorded", "row"]
