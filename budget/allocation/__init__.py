"""Allocation of the remaining money to entries.

- `sharing`: decides each entry's budget (pure)
- `estimates`: what an entry still needs (pure)
- `reasons`: the sentence of each change (pure)
- `policy`: the workspace's settings that money depends on
- `reallocation`: reads the snapshot, applies the changes
"""

from budget.allocation.sharing import Allocation, Row, Skipped, Snapshot, allocate, breadth_first

__all__ = ["Allocation", "Row", "Skipped", "Snapshot", "allocate", "breadth_first"]
