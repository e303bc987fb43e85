"""Additions of another login to Muster's own: whether its logins still count, and a button. Single sign-on does, in `workspaces/sso/apps.py`."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY
from django.http import HttpRequest

BY_PROVIDER = "workspaces.sso.backend.Backend"
"""In sessions that began by the provider. Where single sign-on is not set up, Django knows no such backend, and they count for nothing."""
SWITCHED_OFF = "Single sign-on was switched off on this server: log in with a password or a login link"

checks: list[Callable[[int], str]] = []
"""Each returns a sentence where the person must log in again, else an empty text."""
buttons: list[Callable[[], dict[str, Any]]] = []
"""Each returns what the login page shows of it."""

persons: list[Callable[[int], bool]] = []
"""Each returns true for a person who logs in by the provider."""

troubles: list[Callable[[], str]] = []
"""Each returns a sentence for an admin of the server where logins cannot go on. One query or two."""
probes: list[Callable[[], str]] = []
"""Each asks the provider, which may take seconds, and returns a sentence as those of `troubles` do."""


def why_over(person_id: int) -> str:
    """The reason why the person must log in again; empty when they need not."""
    return next((why for check in checks if (why := check(person_id))), "")


def trouble() -> str:
    """The first sentence for an admin of the server; empty where logins go on."""
    return next((words for each in troubles if (words := each())), "")


def has_provider(person_id: int) -> bool:
    """True if the person logs in by the provider."""
    return any(check(person_id) for check in persons)


def is_by_provider(request: HttpRequest) -> bool:
    """True if the browser's session began by the provider."""
    return request.session.get(BACKEND_SESSION_KEY) == BY_PROVIDER
