"""Caps, limits, warnings: what people set, and how each stands."""

from budget.limits.standing import Standing, held_sql, named, rooms, spent_sql, standing, tightest, today

__all__ = ["Standing", "held_sql", "named", "rooms", "spent_sql", "standing", "tightest", "today"]
