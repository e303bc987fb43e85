"""An agent module with its real CLI and without a Muster: fast enough to test many failures."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from config.up.children import die_with_parent
from orchestration.configuration import Agent
from orchestration.sessions.metering import price
from orchestration.worker import agents
from orchestration.worker.agents.shared.events import Event, Failure, Usage, Waiting
from orchestration.worker.agents.shared.interface import Task, Thread
from tests.agents import clis
from tests.patience import PATIENCE

E = TypeVar("E")
BASE_ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class PlayResult:
    events: list[Event]
    exit_code: int | None
    thread: Thread | None

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def failures(self) -> list[str]:
        return [failure.code for failure in self.of(Failure)]

    @property
    def cost(self) -> int:
        """Micro-USD that would be booked: each id once. Every request must have a price."""
        booked = {used.id: used.cost if used.cost is not None else price(used) for used in self.of(Usage)}
        assert None not in booked.values(), booked
        return sum(amount or 0 for amount in booked.values())


class CliStage:
    """A repository and a home for one conversation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        for name in ("work", "home"):
            (folder / name).mkdir()
        subprocess.run("git init -q -b main . && echo hi > README && git add . && git commit -qm one", shell=True, cwd=self.work,
                       check=True, env={**os.environ, "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t",
                                        "GIT_COMMITTER_EMAIL": "t@t"})  # fmt: skip

    def play(
        self,
        agent: dict[str, Any],
        *,
        prompt: str = "# Do it",
        thread: Thread | None = None,
        enough: Callable[[list[Event]], bool] | None = None,
        seconds: float = 40,
        limit: int = 5_000_000,
    ) -> PlayResult:
        """Run one process to its end, or until `enough` is true, a person must act, or it waits for its provider."""
        (self.folder / "prompt.md").write_text(prompt)
        module = agents.for_kind(agent["kind"])
        cli = clis.folder(module.TRAITS.binary or agent["command"][0])
        env = {
            **BASE_ENVIRONMENT,
            "PATH": f"{cli}{os.pathsep}{BASE_ENVIRONMENT['PATH']}",
            "HOME": str(self.folder / "home"),
            **agent.get("env", {}),
        }
        task = Task(
            agent=Agent(**agent),
            role="implement",
            prompt=prompt,
            prompt_file=self.folder / "prompt.md",
            cwd=self.work,
            home=self.folder / "home",
            env=env,
            session_id="ses_1",
            limit=limit,
            thread=thread,
        )
        launch = module.resume(task) if thread else module.start(task)
        reader = module.reader(task)
        for known in launch.records:
            list(reader.read_record(*known))
        process = subprocess.Popen(launch.argv, cwd=self.work, env={**env, **launch.env}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                   preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()))  # fmt: skip
        lines: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
        listeners = [_listen(process.stdout, False, lines), _listen(process.stderr, True, lines)]
        events: list[Event] = []
        over = time.monotonic() + seconds * PATIENCE
        while process.poll() is None and time.monotonic() < over and not (enough or _stopped)(events):
            events += _read_lines(lines, reader)
            time.sleep(0.02)
        exit_code = process.poll()
        if exit_code is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for listener in listeners:
            listener.join(5)
        events += [*_read_lines(lines, reader), *reader.end(exit_code)]
        return PlayResult(events, exit_code, reader.thread)


def _stopped(events: list[Event]) -> bool:
    """Like the usage listener; a wait suffices, since it has a failure code."""
    return any(isinstance(event, Waiting) or (isinstance(event, Failure) and event.kind.cause == "setup") for event in events)


def _listen(stream: IO[bytes] | None, is_error: bool, lines: "queue.SimpleQueue[tuple[str, bool]]") -> threading.Thread:
    assert stream is not None

    def listen() -> None:
        for line in stream:
            lines.put((line.decode("utf-8", "replace").rstrip("\n"), is_error))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    return listener


def _read_lines(lines: "queue.SimpleQueue[tuple[str, bool]]", reader: Any) -> list[Event]:
    events: list[Event] = []
    while not lines.empty():
        line, is_error = lines.get()
        events += reader.read(line, is_error=is_error)
    return [*events, *reader.poll()]
