"""The authentication backend of the provider's sessions. They end where single sign-on is off."""

from typing import Any

from django.http import HttpRequest

from workspaces import people


class Backend(people.Backend):
    def authenticate(self, request: HttpRequest | None, username: Any = None, password: Any = None, **more: Any) -> None:
        """Nobody logs in by it with a password."""
