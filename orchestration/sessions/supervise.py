"""Run one process of a session: its output goes to the log, stop requests go to the process, and the database may be down for a while."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from orchestration.configuration import Command
from orchestration.messaging import wake_ups
from orchestration.models import Session
from orchestration.processes import agent_process, leftovers
from orchestration.processes.kill_sequence import Step
from orchestration.sessions import connections, lifecycle, sandbox
from orchestration.sessions.folders.session_dir import SessionDir
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.stop_flags import StopFlags

log = structlog.get_logger(__name__)

POLL_S = 0.2
FLUSH_S = 0.5
SURVIVORS_S = 1.0
HELD_S = 1e7
SHIM_LEASE = 0.9
"""Of a lease: then a shim ends its tree by itself. Later than the worker's own fence, and sooner than another host may act."""


@dataclass(frozen=True)
class SupervisedProcess:
    """A process to run for a session. `name` marks its lines in the log; empty for the agent itself.

    `role`: an agent's role; its record is read if its worker dies. The records of checks are never read.
    `ignored_prefixes`: lines that begin so are read but not kept in the log. `cwd`: on the host, also of a process in a sandbox.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str]
    wall_s: float
    idle_s: float = 0
    name: str = ""
    kill_sequence: tuple[Step, ...] = ()
    role: str = "check"
    ignored_prefixes: tuple[str, ...] = ()
    sandbox: agent_process.Sandboxed | None = None
    limits: dict[str, int] = field(default_factory=dict)


def argv_of(command: Command) -> list[str]:
    """An argument list is used as it is, a string is run by `sh -c`."""
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def run(
    session: Session,
    directory: SessionDir,
    supervised: SupervisedProcess,
    stop_flags: StopFlags,
    writer: log_chunks.Writer,
    *,
    on_line: Callable[[str, str], None] | None = None,
    on_poll: Callable[[], None] | None = None,
) -> agent_process.Ended:
    """Run the process to its end. Raises HostFault where this host cannot start it. `on_line` gets each line and its stream; `on_poll` is called several times a second, to check limits."""
    spec = spec_of(session, directory, supervised, stop_flags)
    with agent_process.start(spec) as process:
        stop_flags.attach(process)
        flushed = time.monotonic()
        try:
            for line in process.lines(poll_s=POLL_S):
                if line is not None:
                    if not line.text.startswith(supervised.ignored_prefixes):
                        writer.add(f"{supervised.name}:{line.stream}" if supervised.name else line.stream, line.text)
                    if on_line is not None:
                        on_line(line.text, line.stream)
                else:
                    _note_refusals(supervised, writer)
                if writer.is_full or time.monotonic() - flushed > FLUSH_S:
                    flushed = time.monotonic()
                    try_database(lambda: flush(session, writer))
                if line is None:
                    if on_poll is not None:
                        on_poll()
                    connections.give_back()
        finally:
            stop_flags.attach(None)
        _note_refusals(supervised, writer)
        try_database(lambda: flush(session, writer))
        if process.ended.cause == "parent_gone":  # this process stood still: another one may act on the session by now
            stop_flags.request_end("fenced")
        return sandbox.check_start(supervised.argv, _proven_dead(process.ended, spec, stop_flags))


def spec_of(session: Session, directory: SessionDir, supervised: SupervisedProcess, stop_flags: StopFlags) -> agent_process.Spec:
    record = directory.record_for(supervised.role)
    return agent_process.Spec(
        argv=supervised.argv,
        cwd=supervised.cwd,
        env=supervised.env,
        marker=session.pk,
        status_path=str(record.status),
        journal_path=str(record.journal),
        wall_s=supervised.wall_s,
        idle_s=supervised.idle_s,
        lease_s=settings.LEASE_S * SHIM_LEASE,
        renewed_at=stop_flags.renewed_at,
        grace_s=settings.STOP_GRACE_S,
        kill_sequence=supervised.kill_sequence,
        cgroup_parent=settings.CGROUP_PARENT,
        limits=supervised.limits,
        sandbox=supervised.sandbox,
    )


def holder_of(session: Session, directory: SessionDir, folder: Path, stop_flags: StopFlags) -> agent_process.Spec:
    """The process that holds the stage of this working copy, without its command."""
    holder = SupervisedProcess([], "/", {}, HELD_S, role=f"stage-{folder.name}")
    # A marker of its own: the end of a check, which is found by the session's, must not end the stage. Both end by their common beginning.
    return replace(spec_of(session, directory, holder, stop_flags), marker=f"{session.pk}.{folder.name}")


def _note_refusals(supervised: SupervisedProcess, writer: log_chunks.Writer) -> None:
    """Log what the sandbox's proxy did not let through."""
    if supervised.sandbox and supervised.sandbox.way_out:
        for sentence in supervised.sandbox.way_out.refused():
            writer.add("muster", sentence)


def _proven_dead(ended: agent_process.Ended, spec: agent_process.Spec, stop_flags: StopFlags) -> agent_process.Ended:
    """Waits for processes that outlived their KILL, as in a disk's driver: a session never ends before they do."""
    survivors = ended.survivors
    while survivors and stop_flags.reason not in ("superseded", "fenced"):
        log.error("session.survivors", session=spec.marker, count=survivors)
        time.sleep(SURVIVORS_S)
        survivors = leftovers.end_marked(spec.marker, cgroup_parent=spec.cgroup_parent)
    return replace(ended, survivors=survivors)


def flush(session: Session, writer: log_chunks.Writer) -> None:
    """Write the collected lines, and notify the open pages of this session only."""
    if writer.flush():
        lifecycle.note_output(session, writer.first_error)
        wake_ups.publish_change(session.workspace_id, wake_ups.log_topic(session.pk))


def try_database(action: Callable[[], object]) -> bool:
    """Run a database action; False: the database is down. The lease limits how long that may last (heartbeat)."""
    try:
        action()
    except (DatabaseError, InterfaceError) as error:
        log.warning("database.unavailable", error=str(error).split("\n")[0])
        connection.close()
        return False
    return True
