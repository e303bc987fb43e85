"""CPU, memory and connections of a running Muster with its servers, without its agents."""

import os
import statistics
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

GONE = (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError)


class Household:
    """All processes below `roots`. `agent`: a word in the command line of an agent, which is not counted, nor is what it started."""

    def __init__(self, roots: Iterable[int], agent: str) -> None:
        self._roots, self._agent = list(roots), agent

    def own(self) -> list[psutil.Process]:
        agents = {process.pid for process in self.agents()}
        return [process for process in self._all() if process.pid not in agents]

    def agents(self) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for process in self._all():
            with suppress(*GONE):
                line = process.cmdline()
                if self._agent in line[1:] and Path(line[0]).name in ("sh", "dash"):
                    found |= {each.pid: each for each in (process, *process.children(recursive=True))}
        return list(found.values())

    def at_work(self) -> int:
        """How many agents run, without what they started."""
        return sum(Path(line[0]).name in ("sh", "dash") for line in map(_line, self.agents()) if line)

    def cpu_s(self) -> float:
        """Of these processes so far, and of those children of theirs that have ended."""
        total = 0.0
        for process in self.own():
            with suppress(*GONE):
                total += sum(process.cpu_times()[:4])
        return total

    def pss_mb(self) -> float:
        total = 0
        for process in self.own():
            with suppress(*GONE, StopIteration):
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
                total += int(next(line for line in rollup if line.startswith("Pss:")).split()[1])
        return total / 1024

    def share_of_a_core(self, seconds: float) -> float:
        before, began = self.cpu_s(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu_s() - before) / (time.monotonic() - began)

    def shares(self, seconds: float) -> list[tuple[float, str]]:
        """Of each process, the largest first."""
        before = {}
        for process in self.own():
            with suppress(*GONE):
                before[process.pid] = sum(process.cpu_times()[:4])
        time.sleep(seconds)
        taken = []
        for process in self.own():
            with suppress(*GONE):
                used = sum(process.cpu_times()[:4]) - before.get(process.pid, 0)
                taken.append((used / seconds, " ".join(process.cmdline())[-80:]))
        return sorted(taken, reverse=True)

    def _all(self) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for root in self._roots:
            with suppress(*GONE):
                process = psutil.Process(root)
                found |= {each.pid: each for each in (process, *process.children(recursive=True))}
        found.pop(os.getpid(), None)
        return list(found.values())


def _line(process: psutil.Process) -> list[str]:
    with suppress(*GONE):
        return process.cmdline()
    return []


def latencies(ask: Callable[[], object], times: int, *, pause: float) -> list[float]:
    """Milliseconds of each call, in order of size."""
    taken = []
    for _ in range(times):
        began = time.monotonic()
        ask()
        taken.append((time.monotonic() - began) * 1000)
        time.sleep(pause)
    return sorted(taken)


def p50_p99(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), values[min(len(values) - 1, int(len(values) * 0.99))]
