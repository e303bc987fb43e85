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
    """Names a process among those of its session: for its files, and for the keys of its usage."""
    return role if turn == 1 else f"{role}-{turn}"


MOST_PATIENCE_S = 1_800


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation that can be resumed. `totals`: what the module must keep with it, such as running token totals."""

    id: str
    totals: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One process of an agent. `limit`: micro-USD that it may spend. `env`: the whole environment, without the module's own additions.

    `cwd`: the working copy as the process sees it; `working_copy`: on the host. `home`: the entry's own folder for this CLI, kept between rounds so that a conversation can be resumed; HOME in `env` points to it.
    `endpoint`: a loopback URL for this process that ends with its secret: `/v1/logs` and `/v1/metrics` accept OTLP as
    http/json, `/hooks/pre-tool-use` answers Claude Code's hook. Empty: there is no endpoint. `turn`: counts the role's processes in its session. `output_tokens`: the most that it should ask for in a request;
    0: its requests do not pass the gateway, which reserves that money, and refuses what has no bound.
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
    folder: Path | None = None
    turn: int = 1
    output_tokens: int = 0

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
    """A command to run. `env` is added to the task's. `thread`: the conversation, if its id is known before the start. `records`: for the
    process's reader, before its telemetry and kept with it."""

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    thread: Thread | None = None
    records: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Traits:
    """The fixed properties of a CLI. The table in docs/reference/agents.md shows them.

    `honours`: the limits that it keeps by itself: budget (checked after each request), edits (its hook asks Muster before an edit).
    `logins`: (path below the user's home, path below the entry's home) of files that hold a login on this host.
    `status`: the command by which it says whether it is logged in, by its exit code.
    `kill_sequence`: the signals that stop it best (docs/explanation/stopping.md); empty: TERM to all.
    `ignored_prefixes`: lines that begin so are of no use to a person, such as partial messages, and stay out of the log.
    `receives`: a message reaches it while it works.
    `programs`: what its sandbox shows too.
    `changes_files`: False for an agent that may succeed without a changed file.
    `sums`: at its end it reports what all its requests cost, those on the side too.
    """

    binary: str
    install: str
    cost: Literal["reported", "computed"]
    live: bool
    resumes: bool
    honours: frozenset[str] = frozenset()
    logins: tuple[tuple[str, str], ...] = ()
    version: tuple[str, ...] = ("--version",)
    status: tuple[str, ...] = ()
    changes_files: bool = True
    sums: bool = False
    receives: bool = False
    kill_sequence: tuple[Step, ...] = ()
    ignored_prefixes: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    @property
    def has_home(self) -> bool:
        """It has a folder of its own for settings and conversations, kept between rounds. A plain command has none."""
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
