"""A runner whose commands end as a function says."""

from collections.abc import Callable
from pathlib import Path

from orchestration.configuration import Check
from orchestration.processes.agent_process import Ended
from orchestration.worker.judging.checks import OnLine

RunCheck = Callable[[Check, OnLine], Ended]


class Ends:
    has_services = False

    def __init__(self, run: RunCheck) -> None:
        self._run = run

    def set_up(self, checkout: Path, *, anew: bool = False) -> None: ...

    def keep(self) -> None: ...

    def run(self, checkout: Path, check: Check, on_line: OnLine) -> Ended:
        return self._run(check, on_line)
