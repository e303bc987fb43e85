"""A worker's watch over its shim: an agent of the same user can freeze its shim, or send it signals.

A clock of its own counts only time in which the worker looked at the shim's frames: a worker that was frozen itself, or kept busy, does
not take its own pause for the shim's.
"""

from typing import Literal, NamedTuple

SILENCE_S = 10.0  # a shim sends a frame each second
ENDING_S = 60.0  # for a silent shim whose tree is dead: it may wait for a slow disk
MARGIN_S = 3.0  # beyond the time within which a shim ends its tree
MAX_LOOK_S = 1.0  # between two looks no more than this counts

Request = Literal["", "stopped", "killed"]


class Overdue(NamedTuple):
    """The failure of a shim, as a sentence. `cause`: of the end, which is now the worker's to bring about."""

    cause: Literal["stopped", "killed", "wall_timeout", "idle_timeout"]
    sentence: str


class ShimWatch:
    def __init__(self, *, wall_s: float, idle_s: float, grace_s: float, now: float) -> None:
        self.request: Request = ""  # set by any thread
        self._ends_in = grace_s + MARGIN_S
        self._wall_s = wall_s
        self._idle_s = idle_s
        self._looked = now
        self._elapsed = self._received = self._output = 0.0
        self._requested: dict[Request, float] = {}

    def look(self, now: float) -> None:
        """The worker looked for frames."""
        self._elapsed += min(now - self._looked, MAX_LOOK_S)
        self._looked = now
        if self.request:
            self._requested.setdefault(self.request, self._elapsed)

    def receive(self, *, output: bool) -> None:
        """A frame came. `output`: of the agent's, or it says that there was some."""
        self._received = self._elapsed
        if output:
            self._output = self._elapsed

    @property
    def silent_s(self) -> float:
        return self._elapsed - self._received

    def overdue(self) -> Overdue | None:
        """The first thing that the shim should have done by now and has not. None: nothing is late."""
        now = self._elapsed
        if "killed" in self._requested and now > self._requested["killed"] + MARGIN_S:
            return Overdue("killed", f"its shim did not answer the kill within {MARGIN_S:.0f} s")
        if "stopped" in self._requested and now > self._requested["stopped"] + self._ends_in:
            return Overdue("stopped", f"its shim did not answer the stop within {self._ends_in:.0f} s")
        if now > self._wall_s + self._ends_in:
            return Overdue("wall_timeout", "its shim did not end it at its time limit")
        if self._idle_s and now > self._output + self._idle_s + self._ends_in:
            return Overdue("idle_timeout", "its shim did not end it at its idle limit")
        if self.silent_s > SILENCE_S:
            return Overdue(self.request or "killed", f"its shim was silent for {SILENCE_S:.0f} s")
        return None
