"""The workspaces app on the admin site. Django imports this package by its name."""

from workspaces.admin import models

__all__ = ["models"]
