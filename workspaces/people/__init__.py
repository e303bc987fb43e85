"""People: how they log in, what they prefer, which workspaces they belong to."""

from workspaces.people.preferences import Backend, as_they_prefer, of, on_pages, prefer, zones

__all__ = ["Backend", "as_they_prefer", "of", "on_pages", "prefer", "zones"]
