"""Sharing out the money that is left. `sharing` decides (pure); `reallocation` reads and carries out."""

from budget.allocation.sharing import Allocation, Row, Skipped, Snapshot, allocate, breadth_first

__all__ = ["Allocation", "Row", "Skipped", "Snapshot", "allocate", "breadth_first"]
