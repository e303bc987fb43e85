"""The backend of sessions that began by the provider: they end where it is not set up."""

from typing import Any

from django.http import HttpRequest

from workspaces import people


class Backend(people.Backend):
    def authenticate(self, request: HttpRequest | None, username: Any = None, password: Any = None, **more: Any) -> None:
        """Nobody logs in by it with a password."""
