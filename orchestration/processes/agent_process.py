"""Start an agent under its shim, read its output and end it: the worker's side of shim/."""

import json
import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from orchestration.processes import forked_shim, kill_sequence, leftovers, shim_watch
from orchestration.processes.forked_shim import Shim
from orchestration.processes.frames import Damaged, FrameReader
from orchestration.processes.kill_sequence import Step
from orchestration.processes.leftovers import Identity
from orchestration.processes.sandbox import WayOut
from orchestration.processes.shim import procfs
from orchestration.processes.shim.shim_output import BEAT, STATUS, STDOUT
from orchestration.processes.shim_watch import Overdue, ShimWatch

SHIM_EXIT_S = 5.0
READ_BYTES = 2**16
REST_READS = 64  # of a pipe that an agent might keep full
CHECK_S = 1.0  # between two looks for the processes of a shim that is late

Cause = Literal["exited", "stopped", "killed", "wall_timeout", "idle_timeout", "parent_gone", "start_failed"]


@dataclass(frozen=True, slots=True)
class Sandboxed:
    """A start in a sandbox: by `bwrap` with `options` (sandbox.py), under `init`. `env`: for the first process alone. `limits`: soft and
    hard, by the name of the resource. `way_out`: of a network of its own; None: it has the host's, or none. `namespaces`: the process whose user and
    network namespace it joins."""

    bwrap: str
    options: list[str]
    init: list[str]
    env: dict[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    way_out: WayOut | None = None
    namespaces: procfs.ProcessInfo | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """The command of a process, and its bounds. `env` is the whole environment: the agent inherits none of the worker's.

    `marker` names the session and must be unique to it: every process that carries it is killed with the session.
    `lease_s`: how long it lives without a renewal, the first of which was at `renewed_at` (monotonic clock); 0: for ever.
    `kill_sequence`: the signals before the KILL at `grace_s`; empty: TERM to the whole tree at once.
    `limits`: `memory_mb` and `processes` of the whole tree, kept by its control group where that can be had; 0: none.
    `sandbox`: None: as the worker's own user, with all that it may do. `way_out`: of a process that is not in a sandbox.
    `cgroup_parent`: the folder for its control group (cgroups.py); empty: the worker's own group, if writable.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str] = field(repr=False)
    marker: str
    status_path: str
    journal_path: str
    wall_s: float
    idle_s: float = 0  # 0: no limit on silence
    lease_s: float = 0
    renewed_at: float = 0
    grace_s: float = 10
    kill_sequence: tuple[Step, ...] = ()
    cgroup_parent: str = ""
    limits: dict[str, int] = field(default_factory=dict)
    journal_limit_bytes: int = 2**24
    sandbox: Sandboxed | None = None
    way_out: WayOut | None = None

    def __post_init__(self) -> None:
        kill_sequence.check(self.kill_sequence)


@dataclass(frozen=True, slots=True)
class Line:
    stream: Literal["stdout", "stderr"]
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a process. `events_cut`: lines that may have had the cost of a request. Not `complete`: the shim died or did not do its
    work, and the worker ended the tree; `error` has the reason."""

    cause: Cause
    exit_code: int | None = None
    signal: int | None = None
    error: str = ""
    seconds: float = 0
    kill_seconds: float = 0
    survivors: int = 0
    dropped_bytes: int = 0
    lines_cut: int = 0
    events_cut: int = 0
    complete: bool = True


class Process:
    """One agent's process tree. It never outlives its `with` block, nor the death of this process."""

    def __init__(self, spec: Spec, shim: Shim, journal_start: int) -> None:
        self._spec = spec
        self._shim = shim.process
        self._commands = shim.commands
        self._frames = shim.frames
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._frames, selectors.EVENT_READ)
        self._reader = FrameReader()
        self._lines_read: deque[Line] = deque()
        self._journal_start = journal_start
        self._events_read = 0
        self._ended: Ended | None = None
        self._began = time.monotonic()
        self._next_check = 0.0
        self._watch = ShimWatch(wall_s=spec.wall_s, idle_s=spec.idle_s, grace_s=spec.grace_s, now=self._began)
        identity = leftovers.identity(shim.process.pid)
        # A shim that died at once gets an identity too; it is never alive.
        self.identity: Identity = identity or Identity(shim.process.pid, 0, leftovers.boot_id())

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
        self._watch.request = self._watch.request or "stopped"
        self._send_command(b"stop\n")

    def kill(self) -> None:
        self._watch.request = "killed"
        self._send_command(b"kill\n")

    def renew(self, at: float) -> None:
        """It may live for another lease from then (monotonic clock)."""
        self._send_command(f"renew {at}\n".encode())

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
        """Read the frames that the shim sent; waits for at most `timeout_s`. A shim that is late loses its tree to this process."""
        data = os.read(self._frames.fileno(), READ_BYTES) if self._selector.select(timeout_s) else None
        self._watch.look(time.monotonic())
        if data == b"":
            self._finish(b"")
        elif data:
            self._take(data)
        if self._ended is None and (overdue := self._watch.overdue()) and time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + CHECK_S
            if not self._may_be_ending():
                self._take_over(overdue)

    def _may_be_ending(self) -> bool:
        """True if the shim can be at its last task: the tree is dead, and a slow disk takes its time with journal and status."""
        if self._watch.silent_s > shim_watch.ENDING_S or procfs.is_frozen(self._shim.pid):
            return False
        return not leftovers.tree(self._spec.marker, but=self.identity)[0]

    def _take(self, data: bytes) -> None:
        try:
            frames = self._reader.feed(data)
            if any(kind == STATUS for kind, _ in frames[:-1]):
                raise Damaged
            for kind, payload in frames:
                self._watch.receive(output=kind != BEAT or bool(payload))
                if kind == STATUS:
                    self._finish(payload)
                    return
                if kind != BEAT:
                    self._keep("stdout" if kind == STDOUT else "stderr", payload)
        except Damaged:
            self._take_over(Overdue("killed", "what its shim sent was damaged"))

    def _keep(self, stream: Literal["stdout", "stderr"], lines: bytes) -> None:
        kept = [Line(stream, leftovers.decode(line)) for line in lines.split(b"\n")[:-1]]
        self._events_read += sum(stream == "stdout" and line.text.lstrip(" \t").startswith("{") for line in kept)
        self._lines_read.extend(kept)

    def _finish(self, status: bytes) -> None:
        """The shim sent its status, or its pipe ended. Only the last bytes of a shim that then ends by itself are believed."""
        self._commands.close()
        # The end of its pipe shows its exit sooner than polling.
        is_last = bool(self._selector.select(SHIM_EXIT_S)) and not os.read(self._frames.fileno(), 1)
        with suppress(subprocess.TimeoutExpired):
            self._shim.wait(SHIM_EXIT_S)
        if is_last and self._shim.returncode == 0 and (ended := _ended(status, Path(self._spec.status_path))):
            self._ended = ended
            self._selector.close()
            self._frames.close()
            return
        how = "did not end" if self._shim.returncode is None else f"ended with {self._shim.returncode}"
        self._end_tree("killed", f"its shim {how}, without a status of its own: the worker ended its processes itself")

    def _take_over(self, overdue: Overdue) -> None:
        frozen = " (a signal had frozen it)" if procfs.is_frozen(self._shim.pid) else ""
        self._end_tree(overdue.cause, f"{overdue.sentence}{frozen}: the worker ended its processes itself")

    def _end_tree(self, cause: Cause, error: str) -> None:
        """End the tree without its shim. Usage that the agent reported and the shim did not pass on is read from the journal."""
        began = time.monotonic()
        survivors = leftovers.end_marked(self._spec.marker, cgroup_parent=self._spec.cgroup_parent, shim=self.identity)
        seconds = time.monotonic()
        self._shim.kill()
        with suppress(subprocess.TimeoutExpired):
            self._shim.wait(SHIM_EXIT_S)
        self._ended = Ended(
            cause=cause,
            error=error,
            seconds=round(seconds - self._began, 3),
            kill_seconds=round(seconds - began, 3),
            survivors=survivors,
            complete=False,
        )
        self._read_rest()
        self._commands.close()
        self._selector.close()
        self._frames.close()

    def _read_rest(self) -> None:
        """The frames that are still in the pipe, and the events of the journal that no frame brought."""
        with suppress(Damaged, OSError):
            for _ in range(REST_READS):
                data = os.read(self._frames.fileno(), READ_BYTES) if self._selector.select(0) else b""
                if not data:
                    break
                for kind, payload in self._reader.feed(data):
                    if kind not in (BEAT, STATUS):
                        self._keep("stdout" if kind == STDOUT else "stderr", payload)
        limit_bytes = 2 * self._spec.journal_limit_bytes
        journal = leftovers.read_journal(Path(self._spec.journal_path), start=self._journal_start, limit_bytes=limit_bytes)
        events = (line for line in journal if line.lstrip(" \t").startswith("{"))
        self._lines_read.extend(Line("stdout", line) for line in islice(events, self._events_read, None))


def _ended(text: bytes, path: Path) -> Ended | None:
    """The status from its frame, or from the disk where there was no frame. None: no shim wrote this."""
    try:
        status = json.loads(text) if text else leftovers.read_status(path)
    except ValueError:
        return None
    if not isinstance(status, dict) or status.get("cause") not in get_args(Cause):
        return None
    return Ended(**{field.name: status[field.name] for field in fields(Ended) if field.name in status})


def start(spec: Spec) -> Process:
    """Start the agent under a new shim. A failure to start is in `ended`; nothing is raised."""
    Path(spec.status_path).unlink(missing_ok=True)  # an earlier attempt's status must not count for this one
    journal = Path(spec.journal_path)
    journal_start = journal.stat().st_size if journal.exists() else 0  # it has the events of earlier processes too
    way_out = spec.sandbox.way_out if spec.sandbox else spec.way_out
    shim = forked_shim.start(spec.marker, json.dumps(_for_shim(spec, way_out)).encode(), way_out.open() if way_out else None)
    return Process(spec, shim, journal_start)


def _for_shim(spec: Spec, way_out: WayOut | None) -> dict[str, Any]:
    """`network`: the ports to listen on, of the sandbox or of the process itself."""
    sandboxed = replace(spec.sandbox, way_out=None) if spec.sandbox else None
    plain = asdict(replace(spec, sandbox=sandboxed, way_out=None))
    if way_out is not None:
        (plain["sandbox"] or plain)["network"] = way_out.ports
    return plain
