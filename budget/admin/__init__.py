"""The budget app on the admin site. Django imports this package by its name.

- `models`: projects, accounts and their changes
- `history`: what no form changes, a line a model
- `fixes`: corrections and rebuilt counters, each with a dry run
- `amounts`: micro-USD as columns and form fields
"""

from budget.admin import history, models

__all__ = ["history", "models"]
