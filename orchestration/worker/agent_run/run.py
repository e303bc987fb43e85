"""One process of an agent, in one role, from its start to its end: metered while it runs, its failure named."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from budget.models import Category
from orchestration import sessions
from orchestration.configuration import Agent, Config, secrets
from orchestration.models import Session
from orchestration.processes import leftovers
from orchestration.processes.agent_process import Ended
from orchestration.sessions import conversations, session_dir, supervise
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.metering import record as book_usage
from orchestration.sessions.reservations import Growth
from orchestration.sessions.session_dir import SessionDir
from orchestration.sessions.stop_flags import StopFlags
from orchestration.sessions.supervise import Job
from orchestration.worker import agents
from orchestration.worker.agent_run import edit_permission
from orchestration.worker.agent_run.telemetry_log import TelemetryLog
from orchestration.worker.agent_run.telemetry_log import read as read_heard
from orchestration.worker.agent_run.usage_listener import UsageListener
from orchestration.worker.agents.shared import telemetry_endpoint
from orchestration.worker.agents.shared.events import Discrepancy, Failure, Finished, Usage
from orchestration.worker.agents.shared.interface import Role, Task, Thread
from workspaces import tokens
from workspaces.models import Role as TokenRole

PHASES = {"implement": "implementation", "review": "interception", "verify": "verification"}
CATEGORIES = {"implement": Category.ENTRY, "review": Category.INTERCEPTOR, "verify": Category.ENTRY}


@dataclass(frozen=True)
class AgentRun:
    """How it went. `reason`: why it was made to end, empty when it ended by itself. `cost_known`: all that it told was seen."""

    ended: Ended
    reason: str
    finished: Finished | None
    failure: Failure | None
    cost_known: bool

    @property
    def ok(self) -> bool:
        """It ended by itself and says that it is done. Whether that is true is for others to find out."""
        said = self.finished is None or self.finished.ok
        return self.ended.cause == "exited" and self.ended.exit_code == 0 and said and self.failure is None and not self.reason

    @property
    def summary(self) -> str:
        return self.finished.summary if self.finished else ""


def run(
    session: Session,
    watch: StopFlags,
    writer: log_chunks.Writer,
    agent: Agent,
    role: Role,
    here: SessionDir,
    *,
    prompt: str,
    cwd: Path,
    limit: int,
    growth: Growth | None = None,
) -> AgentRun:
    """Run the agent until it ends or is made to. `limit`: micro-USD for this process. `growth`: how its hold may grow meanwhile."""
    module = agents.of(agent.kind)
    heard = TelemetryLog(here.record_of(role).heard)

    def hear(name: str, attributes: Mapping[str, Any]) -> None:
        heard.keep(name, attributes)
        meter.hear_record(name, attributes)

    with _endpoint(session, agent, role, cwd, hear) as url:
        try:
            task = _task(session, agent, role, here, prompt=prompt, cwd=cwd, limit=limit, url=url)
            launch = module.resume(task) if task.thread else module.start(task)
        except (ValueError, secrets.Sealed) as problem:
            return _not_started(str(problem))
        if launch.thread is not None:
            conversations.keep(session.entry_id, role, agent.kind, launch.thread.id, launch.thread.totals)
        mask = secrets.mask_for(session.workspace_id, agent.env)
        meter = UsageListener(session, watch, module.reader(task), task, CATEGORIES[role], mask, growth)
        env = {**task.env, **launch.env}
        job = Job(
            launch.argv,
            str(cwd),
            env,
            agent.timeout_s,
            agent.idle_timeout_s,
            name="" if role == "implement" else role,
            kill_sequence=module.TRAITS.kill_sequence,
            noise=module.TRAITS.noise,
            role=role,
        )
        ended = supervise.follow(session, here, job, watch, writer, on_line=meter.hear_line, on_look=meter.tick)
        meter.end(ended.exit_code)
    return _turn(session, watch, meter, ended, task)


def _turn(session: Session, watch: StopFlags, meter: UsageListener, ended: Ended, task: Task) -> AgentRun:
    """What became of it, once the last amount is booked."""
    booked = _settle_bookings(meter)
    session.refresh_from_db(fields=["unpriced_model"])
    reason = watch.reason or meter.reason
    # What an agent says once it was made to end is no failure of its own; "failed" is what its failure made us do.
    timed_out = ended.cause in ("wall_timeout", "idle_timeout")
    failure = meter.failure if reason == "failed" or (not reason and not timed_out) else None
    if timed_out and not reason and meter.waited is not None:  # silent because its provider let it wait
        failure = Failure(meter.waited.code, meter.waited.message, meter.waited.until)
    if failure is None and ended.cause == "start_failed":
        failure = Failure("cli_missing", ended.error)
    if failure is not None and failure.code in ("thread_lost", "context_full"):
        conversations.forget(session.entry_id, role=task.role, kind=task.agent.kind)
    return AgentRun(
        ended=ended,
        reason=reason,
        finished=meter.finished,
        failure=failure,
        cost_known=booked and ended.complete and not ended.dropped_bytes and not session.unpriced_model,
    )


def _endpoint(
    session: Session, agent: Agent, role: Role, cwd: Path, hear: telemetry_endpoint.Hear
) -> AbstractContextManager[str]:
    """Where a CLI may tell what it does and ask what it may change; nothing for a plain command."""
    if not agents.of(agent.kind).TRAITS.binary:
        return nullcontext("")
    home = session_dir.home(session.entry_id, agent.kind, role)
    return telemetry_endpoint.listening(hear=hear, may_edit=edit_permission.judge(session.entry, role, cwd=cwd, home=home))


def _task(
    session: Session, agent: Agent, role: Role, here: SessionDir, *, prompt: str, cwd: Path, limit: int, url: str = ""
) -> Task:
    file = here.prompt_for(role)
    file.write_text(prompt, encoding="utf-8", errors="replace")
    token = tokens.create(
        f"session {session.pk}", role=TokenRole.VIEWER, workspace=session.workspace, session_ref=session.pk, by="muster"
    )
    traits = agents.of(agent.kind).TRAITS
    home = session_dir.home(session.entry_id, agent.kind, role) if traits.binary else None
    extra = {**agent.env, **secrets.unsealed(session.workspace_id)}
    if home is not None and agent.use_login and not any(key in extra for key in traits.keys):
        session_dir.borrow_logins(home, traits.logins)
    known = conversations.find(session.entry_id, role, agent.kind) if traits.resumes else None
    return Task(
        agent=agent,
        role=role,
        prompt=prompt,
        prompt_file=file,
        cwd=cwd,
        home=home or here.folder,
        env=session_dir.environment(
            session, here, phase=PHASES[role], extra=extra, token=token, limit=limit, home=home, prompt=file
        ),
        session_id=session.pk,
        limit=limit,
        endpoint=url,
        thread=Thread(*known) if known else None,
    )


def _not_started(problem: str) -> AgentRun:
    ended = Ended(cause="start_failed", error=problem)
    return AgentRun(ended, "", None, Failure("cli_refused", problem), cost_known=True)


def _settle_bookings(meter: UsageListener) -> bool:
    """Give a database that is away as long as the lease allows to take the last usage lines."""
    until = time.monotonic() + settings.LEASE_S / 2
    while not meter.book():
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def book_journals(session: Session, config: Config) -> bool:
    """After a worker died: book the usage that its agents told and nobody read. True: all that they told is booked."""
    here = session_dir.of(session.pk)
    agents_by_role: dict[Role, Agent | None] = {
        "implement": config.agent,
        "review": config.interceptor.agent if config.interceptor else None,
        "verify": config.verifier.agent if config.verifier else None,
    }
    ran = [(role, agent) for role, agent in agents_by_role.items() if here.record_of(role).journal.exists()]
    return all([agent is not None and _book_journal(session, here, role, agent) for role, agent in ran])


def _book_journal(session: Session, here: SessionDir, role: Role, agent: Agent) -> bool:
    left = here.record_of(role)
    status = leftovers.read_status(left.status)
    reader = agents.of(agent.kind).reader(_replayed(session, role, agent, here))
    events = [event for record in read_heard(left.heard) for event in reader.hear(*record)]
    events += [event for line in leftovers.read_journal(left.journal) for event in reader.read(line)]
    for event in [*events, *reader.look(), *reader.end(status.get("exit_code") if status else None)]:
        if isinstance(event, Usage):
            book_usage(session, event, CATEGORIES[role], role=role)
        elif isinstance(event, Discrepancy):
            with suppress(sessions.Superseded):
                sessions.write(session, cost_note=event.message[:500])
    session.refresh_from_db(fields=["unpriced_model"])
    return status is not None and not session.unpriced_model


def _replayed(session: Session, role: Role, agent: Agent, here: SessionDir) -> Task:
    """The task of a dead process, for reading what it left: without token and secrets, whose seal may be broken by now."""
    traits = agents.of(agent.kind).TRAITS
    home = session_dir.home(session.entry_id, agent.kind, role) if traits.binary else None
    known = conversations.find(session.entry_id, role, agent.kind) if traits.resumes else None
    return Task(
        agent=agent,
        role=role,
        prompt="",
        prompt_file=here.prompt_for(role),
        cwd=session_dir.worktrees() / session.entry_id,
        home=home or here.folder,
        env=session_dir.environment(session, here, phase=PHASES[role], extra=agent.env, home=home),
        session_id=session.pk,
        thread=Thread(*known) if known else None,
    )
