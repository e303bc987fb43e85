"""The workspaces app on the admin site. Django imports this package by its name.

- `base`: what every page has in common
- `fixes`: actions with a dry run
- `models`: workspaces, members, tokens
- `history`: what no form changes, a line a model
- `people`: users
"""

from workspaces.admin import history, models, people

__all__ = ["history", "models", "people"]
