"""Ending a process tree: the ladder's signals, KILL after the grace, until two passes in a row find nobody. Standard library only, like the shim."""

import os
import signal
from collections.abc import Callable, Iterable
from typing import NamedTuple

if __package__:
    from . import procfs
    from .cgroups import Cgroup
else:  # inside the shim, which runs without the package
    import procfs  # type: ignore[no-redef]
    from cgroups import Cgroup  # type: ignore[no-redef]

GIVE_UP_S = 5.0  # after the first KILL; what is left then sleeps in the kernel and no signal reaches it
FIRST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.05

Processes = dict[int, procfs.Seen]
Find = Callable[[], tuple[set[int], Processes]]


class KillStep(NamedTuple):
    """One step of a ladder (ladder.py), as the shim is told it."""

    signal: str
    to: str
    after_s: float

    @property
    def signum(self) -> int:
        return signal.Signals[f"SIG{self.signal}"]


ASK_ALL = KillStep("TERM", "all", 0)
KILL_ALL = KillStep("KILL", "all", 0)


class TreeKill:
    """One tree being ended, pass by pass, so that its owner can go on reading the tree's output meanwhile."""

    def __init__(
        self,
        find: Find,
        *,
        grace_s: float,
        now: float,
        group: int | None = None,
        cgroup: Cgroup | None = None,
        leader: procfs.Seen | None = None,
        ladder: Iterable[KillStep] = (ASK_ALL,),
    ) -> None:
        self.find = find
        self.group = group
        self.cgroup = cgroup
        self.leader = leader
        self.began = now
        rungs = list(ladder)
        kill_after = min([grace_s, *(rung.after_s for rung in rungs if rung.signal == "KILL" and rung.to == "all")])
        self.kill_at = now + kill_after
        self.give_up_at = self.kill_at + GIVE_UP_S
        self.over = False
        self.survivors = 0
        self._rungs = [rung for rung in rungs if rung.after_s < kill_after]
        self._rung: KillStep | None = None
        self._killing = False
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
        if self._climb(now):
            return FIRST_PAUSE_S
        found, people = self.find()
        populated = self.cgroup is not None and self.cgroup.populated
        quiet = not found and not populated and not self._stirred
        self._stirred = False
        if quiet:
            self._empty_passes += 1
            self.over = self._empty_passes >= 2
            return 0.0
        self._empty_passes = 0
        if now >= self.give_up_at:
            self.survivors = max(len(found), populated)
            self.over = True
            return 0.0
        if self._killing:
            self._kill(found, people)
            return FIRST_PAUSE_S if found or populated else 0.0
        if not found and not populated:
            return 0.0
        self._ask(found, people)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
        return min(self._pause, self._next_at() - now)

    def _climb(self, now: float) -> bool:
        """Onto the rung that is due. True: its leader was signalled, and has a moment to take the others along.

        That needs no look at everybody, which takes longer than most deaths.
        """
        due = None
        if now < self.kill_at:
            while self._rungs and now >= self.began + self._rungs[0].after_s:
                due = self._rungs.pop(0)
        elif not self._killing:
            self._killing, due = True, KILL_ALL
        if due is None:
            return False
        self._take(due)
        return self.leader is not None and self._send(self.leader, due)

    def _take(self, rung: KillStep) -> None:
        self._rung = rung
        self._asked.clear()

    def _next_at(self) -> float:
        return min(self.kill_at, self.began + self._rungs[0].after_s) if self._rungs else self.kill_at

    def _ask(self, found: set[int], people: Processes) -> None:
        """The rung's signal once to each that it is for, also to those that were started since the last pass."""
        if self._rung is None:
            return
        if self._rung.to == "leader" and self._leads(found, people):
            return
        while self._rung.to == "leader":  # it is gone: what it left behind need not wait
            self._take(self._rungs.pop(0) if self._rungs else ASK_ALL)
        # Elders first: to an agent that was not asked yet, a tool's death is a result to go on with, and to pay for.
        for process in sorted((people[pid] for pid in found), key=lambda each: (each.started, each.pid)):
            self._send(process, self._rung)

    def _leads(self, found: set[int], people: Processes) -> bool:
        leader = self.leader
        return leader is not None and leader.pid in found and people[leader.pid].started == leader.started

    def _send(self, process: procfs.Seen, rung: KillStep) -> bool:
        """Once on each rung. False: it had it already, or is gone."""
        if (process.pid, process.started) in self._asked:
            return False
        self._asked.add((process.pid, process.started))
        return procfs.send(process, rung.signum)

    def _kill(self, found: set[int], people: Processes) -> None:
        """Groups first: a group dies in one moment, while single processes may fork faster than we read /proc."""
        if self.cgroup is not None:
            self.cgroup.kill()
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
