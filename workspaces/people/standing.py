"""What another way to log in adds to Muster's own: whether its logins still count, and a button. Single sign-on does, in `workspaces/sso/apps.py`."""

from collections.abc import Callable
from typing import Any

checks: list[Callable[[int], str]] = []
"""Each returns a sentence where the person must log in again, else an empty text."""
buttons: list[Callable[[], dict[str, Any]]] = []
"""Each returns what the login page shows of it."""


def why_over(person_id: int) -> str:
    """The reason why the person must log in again; empty when they need not."""
    return next((why for check in checks if (why := check(person_id))), "")
