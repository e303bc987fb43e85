"""A server that is away while a command follows it: a sentence when it goes, and one when it is back."""

import time

from muster_cli.errors import Unreachable
from muster_cli.output import note


class Absence:
    """`patience_s`: the longest time that it may last."""

    def __init__(self, patience_s: float = float("inf")) -> None:
        self._patience_s = patience_s
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        return self._since is not None

    def goes_on(self, problem: Unreachable) -> None:
        """The server does not answer. Raises the problem when it has lasted too long."""
        if self._since is None:
            self._since = time.monotonic()
            note(f"muster: {str(problem).rstrip('.')}. Trying again.")
        elif time.monotonic() - self._since > self._patience_s:
            raise problem

    def is_over(self) -> None:
        """The server answers."""
        if self._since is not None:
            note("muster: The server answers again.")
        self._since = None
