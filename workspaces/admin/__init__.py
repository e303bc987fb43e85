"""The workspaces app on the admin site. Django imports this package by its name.

- `base`: what every page has in common
- `fixes`: actions with a dry run
- `models`: workspaces, members, tokens, activity, channels
- `people`: users
"""

from workspaces.admin import models

__all__ = ["models"]
