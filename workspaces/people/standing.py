"""Whether a person may go on with the login that they have: asked before a session or a token of theirs is used."""

from collections.abc import Callable

checks: list[Callable[[int], str]] = []
"""Each returns a sentence where the person must log in again, else an empty text. Single sign-on adds one (`workspaces/sso/apps.py`)."""


def why_over(person_id: int) -> str:
    """The reason why the person must log in again; empty when they need not."""
    return next((why for check in checks if (why := check(person_id))), "")
