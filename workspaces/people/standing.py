"""Additions of another login to Muster's own: whether its logins still count, a button, a second step. Single sign-on does, in `workspaces/sso/apps.py`."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

checks: list[Callable[[int], str]] = []
"""Each returns a sentence where the person must log in again, else an empty text."""
buttons: list[Callable[[], dict[str, Any]]] = []
"""Each returns what the login page shows of it."""
second_steps: list[Callable[[HttpRequest, Any, str], HttpResponse | None]] = []
"""Each takes a person whose password was right, and where the login leads: a response where that is not enough."""


def why_over(person_id: int) -> str:
    """The reason why the person must log in again; empty when they need not."""
    return next((why for check in checks if (why := check(person_id))), "")
