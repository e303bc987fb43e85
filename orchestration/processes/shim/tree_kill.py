"""End a process tree: the signals of a kill sequence, KILL after the grace, until two passes in a row find no process.

Standard library only, like the shim.
"""

import os
import signal
from collections.abc import Callable, Iterable
from typing import NamedTuple

if __package__:
    from . import procfs
    from .cgroups import Cgroup
else:  # in the shim, which runs without the package
    import procfs  # type: ignore[no-redef]
    from cgroups import Cgroup  # type: ignore[no-redef]

GIVE_UP_S = 5.0  # after the first KILL; a process that is left then sleeps in the kernel, where no signal reaches it
FIRST_PAUSE_S = 0.002
MAX_PAUSE_S = 0.05

Processes = dict[int, procfs.ProcessInfo]
FindProcesses = Callable[[bool], tuple[set[int], Processes]]
"""The pids of the tree, and these processes; True: and all others of the machine."""


class KillStep(NamedTuple):
    """One step of a kill sequence (kill_sequence.py), as the shim receives it."""

    signal: str
    to: str
    after_s: float

    @property
    def signum(self) -> int:
        return signal.Signals[f"SIG{self.signal}"]


TERM_ALL = KillStep("TERM", "all", 0)
KILL_ALL = KillStep("KILL", "all", 0)


class TreeKill:
    """Ends one tree, pass by pass, so that its owner can read the tree's output in between."""

    def __init__(
        self,
        find: FindProcesses,
        *,
        grace_s: float,
        now: float,
        group: int | None = None,
        cgroup: Cgroup | None = None,
        leader: procfs.ProcessInfo | None = None,
        kill_sequence: Iterable[KillStep] = (TERM_ALL,),
    ) -> None:
        self.find = find
        self.group = group
        self.cgroup = cgroup
        self.leader = leader
        self.began = now
        steps = list(kill_sequence)
        kill_after = min([grace_s, *(step.after_s for step in steps if step.signal == "KILL" and step.to == "all")])
        self.kill_at = now + kill_after
        self.give_up_at = self.kill_at + GIVE_UP_S
        self.over = False
        self.survivors = 0
        self._steps = [step for step in steps if step.after_s < kill_after]
        self._step: KillStep | None = None
        self._killing = False
        self._signalled: set[tuple[int, int]] = set()
        self._empty_passes = 0
        self._death_noted = False
        self._pause = FIRST_PAUSE_S

    def hurry(self, kill_at: float) -> None:
        """Make the KILL earlier, never later."""
        self.kill_at = min(self.kill_at, kill_at)
        self.give_up_at = min(self.give_up_at, self.kill_at + GIVE_UP_S)

    def note_death(self) -> None:
        """A process of the tree died since the last pass: look again soon, and do not trust that pass if it was empty.

        Processes that fork and exit all the time can evade every look; their deaths show that they exist.
        """
        self._death_noted = True
        self._pause = FIRST_PAUSE_S

    def step(self, now: float) -> float:
        """One pass. Returns the seconds until the next one; check `over` first."""
        if self._start_due_step(now):
            return FIRST_PAUSE_S
        pids, processes = self.find(self._killing)
        populated = self.cgroup is not None and self.cgroup.populated
        quiet = not pids and not populated and not self._death_noted
        self._death_noted = False
        if quiet:
            self._empty_passes += 1
            self.over = self._empty_passes >= 2
            return 0.0
        self._empty_passes = 0
        if now >= self.give_up_at:
            self.survivors = max(len(pids), populated)
            self.over = True
            return 0.0
        if self._killing:
            self._kill(pids, processes)
            return FIRST_PAUSE_S if pids or populated else 0.0
        if not pids and not populated:
            return 0.0
        self._signal_processes(pids, processes)
        self._pause = min(self._pause * 2, MAX_PAUSE_S)
        return min(self._pause, self._next_signal_at() - now)

    def _start_due_step(self, now: float) -> bool:
        """Start the step that is due. True: the leader was signalled and gets a moment to end its children.

        That saves a scan of all processes, which takes longer than most deaths.
        """
        due_step = None
        if now < self.kill_at:
            while self._steps and now >= self.began + self._steps[0].after_s:
                due_step = self._steps.pop(0)
        elif not self._killing:
            self._killing, due_step = True, KILL_ALL
        if due_step is None:
            return False
        self._begin_step(due_step)
        return self.leader is not None and self._send(self.leader, due_step)

    def _begin_step(self, step: KillStep) -> None:
        self._step = step
        self._signalled.clear()

    def _next_signal_at(self) -> float:
        return min(self.kill_at, self.began + self._steps[0].after_s) if self._steps else self.kill_at

    def _signal_processes(self, pids: set[int], processes: Processes) -> None:
        """Send the step's signal once to each of its processes, also to those that were started since the last pass."""
        if self._step is None:
            return
        if self._step.to == "leader" and self._leader_lives(pids, processes):
            return
        while self._step.to == "leader":  # the leader is gone: its children need not wait
            self._begin_step(self._steps.pop(0) if self._steps else TERM_ALL)
        # Oldest first: for an agent without a signal yet, the death of its tool is a result to continue with, and to pay for.
        for process in sorted((processes[pid] for pid in pids), key=lambda process: (process.started, process.pid)):
            self._send(process, self._step)

    def _leader_lives(self, pids: set[int], processes: Processes) -> bool:
        leader = self.leader
        return leader is not None and leader.pid in pids and processes[leader.pid].started == leader.started

    def _send(self, process: procfs.ProcessInfo, step: KillStep) -> bool:
        """Once in each step. False: it has the signal already, or is gone."""
        if (process.pid, process.started) in self._signalled:
            return False
        self._signalled.add((process.pid, process.started))
        return procfs.send_signal(process, step.signum)

    def _kill(self, pids: set[int], processes: Processes) -> None:
        """Groups first: a group dies at once, while single processes may fork faster than /proc can be read."""
        if self.cgroup is not None:
            self.cgroup.kill()
        outside_groups = {process.group for pid, process in processes.items() if pid not in pids}
        groups = {processes[pid].group for pid in pids} - outside_groups
        if self.group is not None:
            groups.add(self.group)  # saved at the start: its leader may be gone while members are alive
        for group in groups - {0, 1, os.getpgrp()}:
            try:
                os.killpg(group, signal.SIGKILL)
            except OSError:
                pass
        for pid in pids:
            procfs.send_signal(processes[pid], signal.SIGKILL)
