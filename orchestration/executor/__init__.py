"""Decides which entries start, and carries it out. `plan` is pure; `dispatch` claims; `explain` shows the plan's own checks."""
