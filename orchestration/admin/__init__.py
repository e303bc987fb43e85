"""The orchestration app on the admin site. Django imports this package by its name.

- `models`: entries, and history whose columns are computed
- `history`: what no form changes, a line a model
- `fixes`: actions with a dry run
- `places`: the links to the dashboard
"""

from orchestration.admin import history, models, places

__all__ = ["history", "models", "places"]
