"""Completions that never disturb a person who types: quick, silent about errors, and harmless in a shell."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import typer

from muster_cli import profiles
from muster_cli.server import Server

Candidate = tuple[str, str]
"""A value and its help."""
Completion = Callable[[typer.Context, str], list[Candidate]]

QUICK_S = 2.0
HELP_LENGTH = 60
# Shells evaluate what they are given, and titles may come from strangers: neither has quotes, `$`, backquotes or backslashes.
_SAFE_VALUE = re.compile(r"[\w.,-]+")
_UNSAFE = re.compile(r"[^\w .,:/()+@%=?-]")


def quiet(function: Callable[[typer.Context, str], Iterable[Candidate]]) -> Completion:
    """The candidates that begin with the word so far; none where anything goes wrong, as without a login."""

    def complete(context: typer.Context, incomplete: str) -> list[Candidate]:
        try:
            candidates = [each for each in function(context, incomplete) if each[0].startswith(incomplete)]
        except Exception:  # a shell would print it into the line that the person types
            return []
        return [(value, _harmless(words)) for value, words in candidates if _SAFE_VALUE.fullmatch(value)]

    return complete


def option(context: typer.Context, name: str) -> str | None:
    """An option that all commands share, from before or after the command's name."""
    commands: list[Any] = [context, context.parent]
    return next((str(each.params[name]) for each in commands if each and each.params.get(name)), None)


def transport(context: typer.Context) -> Any:
    """None, but in tests."""
    return getattr(context.find_root().obj, "transport", None)


def server(context: typer.Context) -> Server:
    """The server of the profile. Raises LoginNeeded without one."""
    profile = profiles.ready(profiles.load(option(context, "profile")))
    return Server(profile, lambda _: None, transport(context), timeout_s=QUICK_S)


def _harmless(words: str) -> str:
    return " ".join(_UNSAFE.sub("", words).split())[:HELP_LENGTH]
