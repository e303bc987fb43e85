"""Running one process of a session under its watch: output to the log, wishes to the process, the database allowed to be away for a while."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from orchestration.configuration import Command
from orchestration.messaging import wake_ups
from orchestration.models import Session
from orchestration.processes import agent_process
from orchestration.processes.kill_sequence import Step
from orchestration.sessions import lifecycle
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.session_dir import SessionDir
from orchestration.sessions.stop_flags import StopFlags

log = structlog.get_logger(__name__)

LOOK_S = 0.1
FLUSH_S = 0.5


@dataclass(frozen=True)
class Job:
    """What to run for a session. `name` marks its lines in the log; empty for the agent itself. `ladder`: how it is asked to stop.
    `role`: of an agent, whose record is read if its worker dies; what the other processes of a session write is nobody's to read.
    `noise`: how lines begin that are read but not kept in the log.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str]
    wall_s: float
    idle_s: float = 0
    name: str = ""
    kill_sequence: tuple[Step, ...] = ()
    role: str = "check"
    noise: tuple[str, ...] = ()


def argv_of(command: Command) -> list[str]:
    """An argument list as it is, a string by `sh -c`."""
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def follow(
    session: Session,
    place: SessionDir,
    job: Job,
    watch: StopFlags,
    writer: log_chunks.Writer,
    *,
    on_line: Callable[[str, str], None] | None = None,
    on_look: Callable[[], None] | None = None,
) -> agent_process.Ended:
    """Run a job to its end. `on_line` gets each line and its stream; `on_look` is called several times a second, to look at limits."""
    record = place.record_of(job.role)
    spec = agent_process.Spec(
        argv=job.argv,
        cwd=job.cwd,
        env=job.env,
        marker=session.pk,
        status_path=str(record.status),
        journal_path=str(record.journal),
        wall_s=job.wall_s,
        idle_s=job.idle_s,
        grace_s=settings.STOP_GRACE_S,
        kill_sequence=job.kill_sequence,
        cgroup_parent=settings.CGROUP_PARENT,
    )
    with agent_process.start(spec) as process:
        watch.attach(process)
        flushed = time.monotonic()
        try:
            for line in process.lines(poll_s=LOOK_S):
                if line is not None:
                    if not line.text.startswith(job.noise):
                        writer.add(f"{job.name}:{line.stream}" if job.name else line.stream, line.text)
                    if on_line is not None:
                        on_line(line.text, line.stream)
                if writer.is_full or time.monotonic() - flushed > FLUSH_S:
                    flushed = time.monotonic()
                    patiently(lambda: flush(session, writer))
                if line is None and on_look is not None:
                    on_look()
        finally:
            watch.attach(None)
        patiently(lambda: flush(session, writer))
        return process.ended


def flush(session: Session, writer: log_chunks.Writer) -> None:
    """Write what was collected, and tell the open pages of this session alone."""
    if writer.flush():
        lifecycle.write(session, last_output_at=Now(), first_error=writer.first_error)
        wake_ups.publish_change(session.workspace_id, wake_ups.log_topic(session.pk))


def patiently(act: Callable[[], object]) -> bool:
    """Do something in the database; False: it is away at the moment. The lease decides how long that may last (heartbeat)."""
    try:
        act()
    except (DatabaseError, InterfaceError) as error:
        log.warning("database.away", error=str(error).split("\n")[0])
        connection.close()
        return False
    return True
