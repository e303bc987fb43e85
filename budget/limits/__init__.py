"""Caps, limits and warnings.

- `caps`: what people set, each change recorded
- `status`: each limit with what counts against it; this package exports it
- `allocated`: what ended entries spent, plus what open ones may still spend
- `thresholds`: warnings at shares of the cap
- `dividing`: the budget of an entry that is split, among its children
- `bulk_edit`: many budgets or locks at once
"""

from budget.limits.status import LimitStatus, describe, headrooms, held_sql, spent_sql, statuses, tightest, today

__all__ = ["LimitStatus", "describe", "headrooms", "held_sql", "spent_sql", "statuses", "tightest", "today"]
