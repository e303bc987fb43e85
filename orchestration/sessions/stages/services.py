"""The long-running programs of a stage: started in their order before its setup, watched, and ended with it."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestration.configuration import Command
from orchestration.configuration.config.checks import Prepare, Service
from orchestration.git.clones.safety import untrusted
from orchestration.processes import agent_process
from orchestration.processes.agent_process import Ended, Process, Spec
from orchestration.sessions.stages import prepared

UNTIL_READY = 'until "$@"; do sleep 0.1; done'
POLL_S = 0.2
KEPT_LINES, KEPT_LENGTH = 100, 500
SHOWN_LINES = 15


class ServiceFailed(Exception):
    """A service did not get ready, or has ended. The text is a sentence with its last lines."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One process of a service. `name`: of its record. `outlives`: it goes on while other commands of its stage begin and end."""

    command: Command
    name: str
    data: Path
    wall_s: float
    grace_s: float = 0
    memory_mb: int = 0
    outlives: bool = False

    def record(self, folder: str) -> str:
        """The name of its record. `folder`: its working copy's name."""
        return f"service-{folder}-{self.name}"

    def marker(self, of_stage: str, folder: str) -> str:
        """One of its own for a service: the end of a check, which is found by the session's, must not end it. Both end by their beginning."""
        return f"{of_stage}.{folder}.{self.name}" if self.outlives else of_stage

    def limited(self, usual: dict[str, int]) -> dict[str, int]:
        return usual | ({"memory_mb": self.memory_mb} if self.memory_mb else {})


class Runner(Protocol):
    """Starts the processes of one stage, for a session or for a lander."""

    def spec_of(self, launch: Launch) -> Spec: ...

    def accompanied(self, process: Process) -> AbstractContextManager[None]:
        """Renews its lease until the end of the block."""

    def keep(self) -> None:
        """Called several times a second while it waits; raises where it is to stop."""

    def note(self, mark: str, line: str) -> None:
        """Adds a line to the log, with the mark of its stream."""


@dataclass(frozen=True, slots=True)
class Data:
    """The place for the services' data. `folder`: beside the private HOME of their working copy. `stays`: from one stage to the next, as a
    working copy's do. `store`: for data that are prepared once. `origin`: names what the prepared data depend on, by the patterns of their
    inputs. `is_trusted`: only text of the branch has run in this working copy, so that others may use what it prepares."""

    folder: Path
    stays: bool
    store: Path
    origin: Callable[[Sequence[str]], str]
    is_trusted: bool


class Services:
    """The services of one stage. None runs before `start`."""

    def __init__(self, services: Sequence[Service], runner: Runner, data: Data) -> None:
        self._services, self._runner, self._data = services, runner, data
        self._running: list[_Running] = []

    def start(self, *, anew: bool = False) -> None:
        """Start them, each once the one before is ready. Does nothing if they run. `anew`: end them first, and begin with fresh data.
        Raises ServiceFailed."""
        if anew:
            self.end()
        if self._running:
            return
        try:
            for service in self._services:
                self._start_with_data(service)
        except BaseException:
            self.end()
            raise

    def failed(self) -> list[str]:
        """A sentence on each service that has ended by itself."""
        return [running.ending() for running in self._running if not running.thread.is_alive()]

    def end(self) -> None:
        """End them, with the grace of each, and log their last lines."""
        running, self._running = self._running, []
        self._end(running)

    def _end(self, running: "Sequence[_Running]") -> None:
        for each in reversed(running):
            each.process.stop()
        for each in running:
            each.thread.join()
            each.leases.close()
            for line in each.lines:
                self._runner.note(f"{each.service.name}:stdout", line)

    def _start_with_data(self, service: Service) -> None:
        """Once more with data of its own where it does not get ready with a copy: another release of its program may have made that."""
        folder, is_copy = self._filled(service)
        try:
            self._start(service, folder)
        except ServiceFailed as problem:
            if not is_copy:
                raise
            self._runner.note(f"{service.name}:muster", f"Its prepared data are made anew: {problem}")
            self._end([self._running.pop()])
            self._start(service, self._filled(service, may_copy=False)[0])

    def _start(self, service: Service, folder: Path) -> None:
        launch = Launch(service.run, service.name, folder, 1e7, service.stop_s, service.memory_mb, outlives=True)
        running = _Running(service, agent_process.start(self._runner.spec_of(launch)))
        self._running.append(running)
        running.leases.enter_context(self._runner.accompanied(running.process))
        waiting = ["sh", "-c", UNTIL_READY, "sh", *_argv(service.ready)]
        ended, words = self._run(
            Launch(waiting, f"{service.name}-ready", folder, service.timeout_s), while_=running.thread.is_alive
        )
        if not running.thread.is_alive():
            raise ServiceFailed(running.ending())
        if ended.exit_code != 0:
            after = f"{service.timeout_s} s" if ended.cause == "wall_timeout" else f"its command's {ended.error or ended.cause}"
            raise ServiceFailed(_with_lines(f"The service {service.name} was not ready after {after}", [*running.lines, *words]))
        self._runner.note(f"{service.name}:muster", f"ready after {ended.seconds:.1f} s")

    def _filled(self, service: Service, *, may_copy: bool = True) -> tuple[Path, bool]:
        """The folder of its data, as the service may find them, and whether they are a copy. Raises ServiceFailed."""
        folder, done = self._data.folder / service.name, self._data.folder / f"{service.name}.done"
        if self._data.stays and done.exists() and may_copy:
            return folder, False
        done.unlink(missing_ok=True)
        untrusted.remove(folder)
        folder.mkdir(mode=0o700, parents=True)
        is_copy = service.prepare is not None and self._prepare(service, service.prepare, folder, may_copy=may_copy)
        done.touch()
        return folder, is_copy

    def _prepare(self, service: Service, prepare: Prepare, folder: Path, *, may_copy: bool) -> bool:
        """True: a copy serves."""
        made = prepared.Prepared(self._data.store, service, prepare, self._data.origin(prepare.inputs))
        with made.turn(self._runner.keep) if self._data.is_trusted else ExitStack():
            if may_copy and made.copy_to(folder):
                return True
            ended, words = self._run(Launch(prepare.run, f"{service.name}-prepare", folder, prepare.timeout_s))
            if ended.exit_code != 0:
                how = f"exit {ended.exit_code}" if ended.exit_code is not None else ended.error or ended.cause
                raise ServiceFailed(_with_lines(f"The data of the service {service.name} could not be prepared: {how}", words))
            self._runner.note(f"{service.name}:muster", f"data prepared in {ended.seconds:.1f} s")
            if self._data.is_trusted:
                made.keep(folder)
            return False

    def _run(self, launch: Launch, *, while_: Callable[[], bool] = lambda: True) -> tuple[Ended, deque[str]]:
        words: deque[str] = deque(maxlen=KEPT_LINES)
        with agent_process.start(self._runner.spec_of(launch)) as process, self._runner.accompanied(process):
            for line in process.lines(poll_s=POLL_S):
                if line is not None:
                    words.append(line.text[:KEPT_LENGTH])
                elif not while_():
                    process.kill()
                self._runner.keep()
            return process.ended, words


@dataclass
class _Running:
    """A service from its start on. Its thread reads its output to its end: a shim with an unread pipe would stand still."""

    service: Service
    process: Process
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    leases: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, name=f"service-{self.service.name}", daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with self.process:
            for line in self.process.lines():
                if line is not None:
                    self.lines.append(line.text[:KEPT_LENGTH])

    def ending(self) -> str:
        ended = self.process.ended
        how = (
            f"by the signal {ended.signal}"
            if ended.signal
            else f"with {ended.exit_code}"
            if ended.exit_code is not None
            else ended.error
        )
        why = ": a service stays in the foreground" if ended.exit_code == 0 else ""
        return _with_lines(f"The service {self.service.name} ended {how}{why}", self.lines)


def _argv(command: Command) -> list[str]:
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def _with_lines(sentence: str, lines: Sequence[str] | deque[str]) -> str:
    last = list(lines)[-SHOWN_LINES:]
    return f"{sentence}. Last output:\n" + "\n".join(last) if last else f"{sentence}, and wrote nothing"
