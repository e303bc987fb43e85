"""Ending a process tree: TERM, grace, KILL, until two passes in a row find nobody. Standard library only, like the shim."""

import os
import signal
from collections.abc import Callable

if __package__:
    from . import procfs
else:  # inside the shim, which runs without the package
    import procfs  # type: ignore[no-redef]

GIVE_UP_S = 5.0  # after the first KILL; what is left then sleeps in the kernel and no signal reaches it
FIRST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.05

People = dict[int, procfs.Seen]
Find = Callable[[], tuple[set[int], People]]


class Ending:
    """One tree being ended, pass by pass, so that its owner can go on reading the tree's output meanwhile."""

    def __init__(self, find: Find, *, grace_s: float, now: float, group: int | None = None) -> None:
        self.find = find
        self.group = group
        self.began = now
        self.kill_at = now + grace_s
        self.give_up_at = self.kill_at + GIVE_UP_S
        self.over = False
        self.survivors = 0
        self._asked: set[tuple[int, int]] = set()
        self._empty_passes = 0
        self._stirred = False
        self._pause = FIRST_PAUSE_S

    def hurry(self, kill_at: float) -> None:
        """Bring the KILL forward (never back)."""
        self.kill_at = min(self.kill_at, kill_at)
        self.give_up_at = min(self.give_up_at, self.kill_at + GIVE_UP_S)

    def stirred(self) -> None:
        """Something of the tree died since the last pass: look again soon, and do not believe that pass if it was empty.

        Processes that fork and exit all the time can be somewhere else whenever we look; their deaths betray them.
        """
        self._stirred = True
        self._pause = FIRST_PAUSE_S

    def step(self, now: float) -> float:
        """One pass. Answers the seconds until the next one is due; look at `over` first."""
        found, people = self.find()
        quiet = not found and not self._stirred
        self._stirred = False
        if quiet:
            self._empty_passes += 1
            self.over = self._empty_passes >= 2
            return 0.0
        self._empty_passes = 0
        if now >= self.give_up_at:
            self.survivors = len(found)
            self.over = True
            return 0.0
        if now >= self.kill_at:
            self._kill(found, people)
            return FIRST_PAUSE_S
        self._ask(found, people)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
        return min(self._pause, self.kill_at - now)

    def _ask(self, found: set[int], people: People) -> None:
        """TERM once to each, also to those that were started since the last pass."""
        for process in (people[pid] for pid in found):
            if (process.pid, process.started) not in self._asked:
                self._asked.add((process.pid, process.started))
                procfs.send(process, signal.SIGTERM)

    def _kill(self, found: set[int], people: People) -> None:
        """Groups first: a group dies in one moment, while single processes may fork faster than we read /proc."""
        strangers = {process.group for pid, process in people.items() if pid not in found}
        groups = {people[pid].group for pid in found} - strangers
        if self.group is not None:
            groups.add(self.group)  # saved at the start: its leader may be gone while members live
        for group in groups - {0, 1, os.getpgrp()}:
            try:
                os.killpg(group, signal.SIGKILL)
            except OSError:
                pass
        for pid in found:
            procfs.send(people[pid], signal.SIGKILL)
