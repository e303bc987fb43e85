"""Books the usage of a dead worker's agents from the files that they left."""

from contextlib import suppress
from pathlib import Path

from orchestration import sessions
from orchestration.configuration import Agent, Config, secrets
from orchestration.models import Session
from orchestration.processes import leftovers
from orchestration.sessions import conversations, metering, session_dir
from orchestration.sessions.session_dir import SessionDir
from orchestration.worker import agents
from orchestration.worker.agent_run import mailbox, telemetry_log
from orchestration.worker.agent_run.process import CATEGORIES, PHASES
from orchestration.worker.agents.shared.events import Discrepancy, Usage
from orchestration.worker.agents.shared.interface import MAX_TURNS, Role, Task, Thread, record_name


def book_journals(session: Session, config: Config) -> bool:
    """Book the usage that the session's agents reported and its dead worker did not read. True: all reported usage is booked."""
    directory = session_dir.for_session(session.pk)
    agents_by_role: dict[Role, Agent | None] = {
        "implement": config.agent,
        "review": config.interceptor.agent if config.interceptor else None,
        "verify": config.verifier.agent if config.verifier else None,
        "plan": config.agent_of("plan"),
        "expand": config.agent_of("expand"),
        "orchestrate": config.agent_of("orchestrate"),
    }
    ran = [
        (role, turn, agent)
        for role, agent in agents_by_role.items()
        for turn in range(1, MAX_TURNS + 1)
        if directory.record_for(record_name(role, turn)).journal.exists()
    ]
    return all([agent is not None and _book_journal(session, directory, role, turn, agent) for role, turn, agent in ran])  # noqa: C419 (book every journal, also after a failure)


def _book_journal(session: Session, directory: SessionDir, role: Role, turn: int, agent: Agent) -> bool:
    name = record_name(role, turn)
    record = directory.record_for(name)
    status = leftovers.read_status(record.status)
    reader = agents.for_kind(agent.kind).reader(_task_of_dead_process(session, role, agent, directory))
    events = [event for line in telemetry_log.read(record.telemetry) for event in reader.read_record(*line)]
    events += [event for line in leftovers.read_journal(record.journal) for event in reader.read(line)]
    if role == "implement":
        mask = secrets.mask_for(session.workspace_id, agent.env)
        mailbox.collect_left(session, directory.questions, mask, record=name, events=events)
    for event in [*events, *reader.poll(), *reader.end(status.get("exit_code") if status else None)]:
        if isinstance(event, Usage):
            metering.record(session, event, CATEGORIES[role], role=name)
        elif isinstance(event, Discrepancy):
            with suppress(sessions.Superseded):
                sessions.write(session, cost_note=event.message[:500])
    session.refresh_from_db(fields=["unpriced_model"])
    return status is not None and not session.unpriced_model


def _task_of_dead_process(session: Session, role: Role, agent: Agent, directory: SessionDir) -> Task:
    """The task for a reader of a dead process's files. Without token and secrets: their seal may be broken by now."""
    traits = agents.for_kind(agent.kind).TRAITS
    home = session_dir.home(session.owner_id, agent.kind, role) if traits.binary else None
    kept_thread = conversations.find(session.owner_id, role, agent.kind) if traits.resumes else None
    return Task(
        agent=agent,
        role=role,
        prompt="",
        prompt_file=directory.prompt_for(role),
        cwd=Path((kept_thread[1].get("cwd") if kept_thread else None) or session_dir.worktrees() / session.owner_id),
        home=home or directory.folder,
        env=session_dir.environment(session, directory, phase=PHASES[role], extra=agent.env, home=home),
        session_id=session.pk,
        thread=Thread(*kept_thread) if kept_thread else None,
    )
