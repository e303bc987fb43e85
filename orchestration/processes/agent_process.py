"""Start an agent under its shim, read its output and end it: the worker's side of shim.py."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

from orchestration.processes import kill_sequence, leftovers, procfs
from orchestration.processes.kill_sequence import Step
from orchestration.processes.leftovers import Identity
from orchestration.processes.shim_output import STATUS, STDOUT

SHIM_FILE = Path(__file__).with_name("shim.py")
SHIM_EXIT_S = 5.0
READ_BYTES = 2**16
_HEADER_BYTES = 5

Cause = Literal["exited", "stopped", "killed", "wall_timeout", "idle_timeout", "parent_gone", "start_failed"]


@dataclass(frozen=True, slots=True)
class Sandboxed:
    """How a process starts in a sandbox: by `bwrap` with `options` (sandbox.py), under `init`. `env`: for the first process alone. `limits`:
    soft and hard, by the name of the resource."""

    bwrap: str
    options: list[str]
    init: list[str]
    env: dict[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run and within which bounds. `env` is the whole environment: the agent inherits none of the worker's.

    `marker` names the session and must be unique to it: every process that carries it is killed with the session.
    `kill_sequence`: the signals before the KILL at `grace_s`; empty: TERM to the whole tree at once.
    `sandbox`: None: as the worker's own user, with all that it may do. `cgroup_parent`: the folder for its control group (cgroups.py); empty: the worker's own group, if writable.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str] = field(repr=False)
    marker: str
    status_path: str
    journal_path: str
    wall_s: float
    idle_s: float = 0  # 0: no limit on silence
    grace_s: float = 10
    kill_sequence: tuple[Step, ...] = ()
    cgroup_parent: str = ""
    journal_limit_bytes: int = 2**24
    sandbox: Sandboxed | None = None

    def __post_init__(self) -> None:
        kill_sequence.check(self.kill_sequence)


@dataclass(frozen=True, slots=True)
class Line:
    stream: Literal["stdout", "stderr"]
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended. Not `complete`: the shim itself died, and the worker ended the tree."""

    cause: Cause
    exit_code: int | None = None
    signal: int | None = None
    error: str = ""
    seconds: float = 0
    kill_seconds: float = 0
    survivors: int = 0
    dropped_bytes: int = 0
    lines_cut: int = 0
    complete: bool = True


class Process:
    """One agent's process tree. It never outlives its `with` block, nor the death of this process."""

    def __init__(self, spec: Spec, shim: "subprocess.Popen[bytes]") -> None:
        assert shim.stdin and shim.stdout
        self._spec = spec
        self._shim = shim
        self._commands: IO[bytes] = shim.stdin
        self._frames: IO[bytes] = shim.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._frames, selectors.EVENT_READ)
        self._unread = bytearray()
        self._lines_read: deque[Line] = deque()
        self._ended: Ended | None = None
        self._began = time.monotonic()
        identity = leftovers.identity(shim.pid)
        # A shim that died at once gets an identity too; it is never alive.
        self.identity: Identity = identity or Identity(shim.pid, 0, leftovers.boot_id())

    def lines(self, poll_s: float = 0.5) -> Iterator[Line | None]:
        """The agent's output, until its tree is dead and all is read. Yields None at least every `poll_s`, so that the caller can act."""
        last_poll = time.monotonic()
        while self._lines_read or self._ended is None:
            if self._lines_read:
                yield self._lines_read.popleft()
            else:
                self._read_frames(max(last_poll + poll_s - time.monotonic(), 0))
            if time.monotonic() >= last_poll + poll_s:
                last_poll = time.monotonic()
                yield None

    def stop(self) -> None:
        """Begin the kill sequence; KILL follows at the end of the grace. Returns at once; safe from any thread, and repeatedly."""
        self._send_command(b"stop\n")

    def kill(self) -> None:
        self._send_command(b"kill\n")

    @property
    def ended(self) -> Ended:
        """Waits for the end and discards unread lines."""
        for _ in self.lines():
            pass
        assert self._ended
        return self._ended

    def close(self) -> None:
        """Kill the tree if it is still alive."""
        if self._ended is None:
            self.kill()
            _ = self.ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _send_command(self, command: bytes) -> None:
        try:
            os.write(self._commands.fileno(), command)
        except (OSError, ValueError):  # the process has ended already
            pass

    def _read_frames(self, timeout_s: float) -> None:
        """Read the frames that the shim sent; waits for at most `timeout_s`."""
        if not self._selector.select(timeout_s):
            return
        data = os.read(self._frames.fileno(), READ_BYTES)
        if not data:
            self._finish(None)
            return
        self._unread += data
        for kind, payload in self._whole_frames():
            if kind == STATUS:
                self._finish(json.loads(payload))
                return
            stream: Literal["stdout", "stderr"] = "stdout" if kind == STDOUT else "stderr"
            self._lines_read.extend(Line(stream, leftovers.decode(line)) for line in payload.split(b"\n")[:-1])

    def _whole_frames(self) -> list[tuple[bytes, bytes]]:
        frames = []
        at = 0
        while len(self._unread) >= at + _HEADER_BYTES:
            start = at + _HEADER_BYTES
            end = start + int.from_bytes(self._unread[at + 1 : start], "big")
            if len(self._unread) < end:
                break
            frames.append((bytes(self._unread[at : at + 1]), bytes(self._unread[start:end])))
            at = end
        del self._unread[:at]
        return frames

    def _finish(self, status: dict[str, object] | None) -> None:
        """The shim sent its status, or its pipe ended."""
        self._commands.close()
        self._selector.select(SHIM_EXIT_S)  # the end of its pipe shows its exit sooner than polling
        self._selector.close()
        try:
            self._shim.wait(SHIM_EXIT_S)
        except subprocess.TimeoutExpired:
            self._shim.kill()
            self._shim.wait()
        self._frames.close()
        status = status or leftovers.read_status(Path(self._spec.status_path))
        if status is not None:
            names = {field.name for field in fields(Ended)}
            self._ended = Ended(**{name: value for name, value in status.items() if name in names})  # type: ignore[arg-type]
            return
        began = time.monotonic()
        survivors = leftovers.end_marked(self._spec.marker, cgroup_parent=self._spec.cgroup_parent)
        self._ended = Ended(
            cause="killed",
            error=f"the shim died without a status (it ended with {self._shim.returncode})",
            seconds=round(time.monotonic() - self._began, 3),
            kill_seconds=round(time.monotonic() - began, 3),
            survivors=survivors,
            complete=False,
        )


def start(spec: Spec) -> Process:
    """Start the agent under a new shim. A failure to start is in `ended`; nothing is raised."""
    status_path = Path(spec.status_path)
    status_path.unlink(missing_ok=True)  # an earlier attempt's status must not count for this one
    handle, spec_path = tempfile.mkstemp(prefix="shim-", suffix=".json", dir=status_path.parent)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(spec), file)
    # The shim carries the marker from its start, so that the reaper cannot miss a session that is just starting.
    environment = {procfs.MARKER_VARIABLE: spec.marker}
    if "LD_LIBRARY_PATH" in os.environ:  # some Pythons do not start without it
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    shim = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SHIM_FILE), spec_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        bufsize=0,
        start_new_session=True,
    )
    return Process(spec, shim)
