"""The shape of an agent module. To add an agent: a module of this shape, a recorded transcript, a row in `agents.KINDS` (docs/how-to/add-an-agent.md)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from orchestration.configuration import Agent
from orchestration.processes.kill_sequence import Step
from orchestration.worker.agents.shared.events import Event

Role = Literal["implement", "review", "verify", "plan", "expand", "orchestrate"]
"""review: the interceptor; verify: the verifying agent; plan, expand and orchestrate: the agents of runs. All but the first change nothing that
is kept."""

TURNS = 2
"""The agent of a run answers once, and once more when its first answer cannot be used."""


MAX_TURNS = 5
"""How often a session's agent may be given another prompt, because somebody wrote to it. The runs' agents have fewer."""


def record_name(role: Role, turn: int) -> str:
    """The name of a process within its session, for its files and its usage keys."""
    return role if turn == 1 else f"{role}-{turn}"


MOST_PATIENCE_S = 1_800


@dataclass(frozen=True, slots=True)
class Thread:
    """A resumable conversation."""

    id: str
    totals: dict[str, Any] = field(default_factory=dict)  # state of the module, such as running token totals


@dataclass(frozen=True)
class Task:
    """One process of an agent.

    The endpoint is a loopback URL with the process's secret at its end. `/v1/logs` and `/v1/metrics` accept OTLP as http/json, `/hooks/pre-tool-use` answers
    Claude Code's hook.
    """

    agent: Agent
    role: Role
    prompt: str
    prompt_file: Path
    cwd: Path  # the working copy in the sandbox; `working_copy` is on the host
    home: Path  # the entry's folder for this CLI, kept for resumed conversations: HOME of env
    env: Mapping[str, str]  # the whole environment, before the module's additions
    session_id: str
    limit: int = 0  # micro-USD
    endpoint: str = ""  # empty: none
    thread: Thread | None = None
    folder: Path | None = None
    turn: int = 1  # counts the role's processes in its session
    output_tokens: int = 0  # the highest limit for a request; 0: past the gateway, which reserves it

    @property
    def is_by_gateway(self) -> bool:
        return self.output_tokens > 0

    @property
    def working_copy(self) -> Path:
        return self.folder or self.cwd

    @property
    def record(self) -> str:
        return record_name(self.role, self.turn)


@dataclass(frozen=True, slots=True)
class Launch:
    """A command to run."""

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)  # added to the task's
    thread: Thread | None = None  # if its id is known before the start
    records: tuple[tuple[str, Mapping[str, Any]], ...] = ()  # for the reader, before its telemetry and kept with it


@dataclass(frozen=True, slots=True)
class Traits:
    """The fixed properties of a CLI. The table in docs/reference/agents.md shows them."""

    binary: str
    install: str
    cost: Literal["reported", "computed"]
    live: bool
    resumes: bool
    honours: frozenset[str] = frozenset()  # its own limits: budget (checked after each request), edits (by a hook)
    logins: tuple[tuple[str, str], ...] = ()  # files: (path below the user's home, path below the entry's)
    version: tuple[str, ...] = ("--version",)
    status: tuple[str, ...] = ()  # the command for the state of its login, by exit code
    changes_files: bool = True  # False: it may succeed without a changed file
    sums: bool = False  # it reports the cost of all requests at its end, side requests too
    receives: bool = False  # it accepts messages while it works
    kill_sequence: tuple[Step, ...] = ()  # its best signals (docs/explanation/stopping.md); empty: TERM to all
    ignored_prefixes: tuple[str, ...] = ()  # of lines without use to people, such as partial messages: not logged
    programs: tuple[str, ...] = ()  # also visible in its sandbox

    @property
    def has_home(self) -> bool:
        """True if it has a folder of its own for settings and conversations, kept between rounds. A plain command has none."""
        return bool(self.binary) or self.resumes


class Reader(Protocol):
    """Reads the output of one process; also a dead process's journal. A new one for each process. Never raises, whatever the CLI prints."""

    def read(self, line: str, *, is_error: bool = False) -> Iterable[Event]:
        """A line of stdout, or of stderr."""

    def read_record(self, name: str, attributes: Mapping[str, Any]) -> Iterable[Event]:
        """An OTLP log record that the task's endpoint received."""

    def poll(self) -> Iterable[Event]:
        """Called several times a second: events from the CLI's own files."""

    def end(self, exit_code: int | None) -> Iterable[Event]:
        """The process is dead and all output is read: the remaining usage and the failure. `exit_code` None: killed, or unknown."""

    @property
    def thread(self) -> Thread | None:
        """The conversation's current state, to be kept."""


class Kind(Protocol):
    """An agent package."""

    @property
    def TRAITS(self) -> Traits: ...  # noqa: N802  (a constant of the module)

    def start(self, task: Task) -> Launch:
        """A new conversation. Writes the CLI's config into `task.home`. Raises ValueError for a config that cannot work."""

    def resume(self, task: Task) -> Launch:
        """Continue `task.thread`."""

    def reader(self, task: Task) -> Reader: ...


def patience_ms(task: Task) -> int:
    """Behind the gateway a program waits so long for the first byte, where it has a setting for that: its request may wait for money or for its provider. A
    process that is silent for longer is ended."""
    return int(1000 * (task.agent.idle_timeout_s or MOST_PATIENCE_S))
