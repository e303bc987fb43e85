"""The budget app on the admin site. Django imports this package by its name.

- `models`: counters, ledger, limits and changes
- `forecasts`: forecasts, read-only
- `reviews`: reviews, read-only
- `fixes`: corrections and rebuilt counters, each with a dry run
- `amounts`: micro-USD as columns and form fields
"""

from budget.admin import models

__all__ = ["models"]
