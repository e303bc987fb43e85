"""The shape of an agent package. Adding one: docs/reference/agents.md."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from orchestration.configuration import Agent
from orchestration.processes.kill_sequence import Step
from orchestration.worker.agents.shared.events import Event

Role = Literal["implement", "review", "verify"]
"""review: the interceptor; verify: the verifying agent. Both work in a copy of which nothing is kept."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation that can be resumed. `totals`: what the module must remember of it, such as token totals that go on counting."""

    id: str
    totals: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One process of an agent. `limit`: micro-USD that it may spend. `env`: the whole environment, without the module's own part.

    `home`: a folder of the entry's own for this CLI, kept between rounds so that a conversation can be resumed; HOME in `env` is it.
    `endpoint`: where Muster hears this process, a loopback URL that ends with its secret: `/v1/logs` and `/v1/metrics` take OTLP as
    http/json, `/hooks/pre-tool-use` answers Claude Code's hook. Empty: nobody listens.
    """

    agent: Agent
    role: Role
    prompt: str
    prompt_file: Path
    cwd: Path
    home: Path
    env: Mapping[str, str]
    session_id: str
    limit: int = 0
    endpoint: str = ""
    thread: Thread | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run. `env` is added to the task's. `thread`: the conversation's identity where it is known before the start."""

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    thread: Thread | None = None


@dataclass(frozen=True, slots=True)
class Traits:
    """What is true of a CLI whatever it is asked. The table in docs/reference/agents.md is made of these.

    `honours`: which limits it keeps by itself: budget (checked after each request), edits (its hook asks Muster before a file changes).
    `keys`: variables that it takes credentials from; any one of them is enough.
    `logins`: (path below the user's home, path below the entry's home) of files that hold a login on this host.
    `ladder`: how it is stopped best (docs/explanation/stopping.md); empty: TERM to all.
    `noise`: how lines of its output begin that say nothing to a person: partial messages, pieces of words.
    `changes_files`: False for an agent that may be done without having changed a file.
    """

    binary: str
    install: str
    cost: Literal["reported", "computed"]
    live: bool
    resumes: bool
    honours: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ()
    logins: tuple[tuple[str, str], ...] = ()
    version: tuple[str, ...] = ("--version",)
    changes_files: bool = True
    kill_sequence: tuple[Step, ...] = ()
    noise: tuple[str, ...] = ()


class Reader(Protocol):
    """Understands one process. Made anew for each, also for a dead one's journal. Never raises for what a CLI may print."""

    def read(self, line: str, *, is_error: bool = False) -> Iterable[Event]:
        """A line of stdout, or of stderr."""

    def hear(self, name: str, attributes: Mapping[str, Any]) -> Iterable[Event]:
        """An OTLP log record that came to the task's endpoint."""

    def look(self) -> Iterable[Event]:
        """Called several times a second: what the CLI wrote into its own files."""

    def end(self, exit_code: int | None) -> Iterable[Event]:
        """All is read and the process is dead: settle what is open, name what failed. None: killed, or how it ended is not known."""

    @property
    def thread(self) -> Thread | None:
        """The conversation as it should be kept now."""


class Kind(Protocol):
    """An agent package."""

    @property
    def TRAITS(self) -> Traits: ...  # noqa: N802  (a constant of the module)

    def start(self, task: Task) -> Launch:
        """A new conversation. Writes what the CLI reads into `task.home`. Raises ValueError for a config that cannot work."""

    def resume(self, task: Task) -> Launch:
        """Go on with `task.thread`."""

    def reader(self, task: Task) -> Reader: ...
