"""Recovery of a dead worker's usage from its agents' journals."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from orchestration import sessions
from orchestration.configuration import Agent, Config, secrets
from orchestration.models import Session
from orchestration.processes import leftovers
from orchestration.sessions import conversations, metering
from orchestration.sessions.absent_hosts.settling import Count
from orchestration.sessions.folders import session_dir
from orchestration.sessions.folders.session_dir import SessionDir
from orchestration.worker import agents
from orchestration.worker.agent_run import mailbox, telemetry_log
from orchestration.worker.agent_run.process import CATEGORIES, PHASES
from orchestration.worker.agents.shared.events import Discrepancy, Event, Usage
from orchestration.worker.agents.shared.interface import MAX_TURNS, Role, Task, Thread, record_name

ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class _Journal:
    """The recorded events of one process."""

    role: Role
    name: str
    agent: Agent | None  # None: unknown
    events: Sequence[Event] = ()
    is_whole: bool = False  # its shim saw its end

    is_by_gateway: bool = False

    @property
    def usages(self) -> list[Usage]:
        """The usage metered by reports."""
        return [] if self.is_by_gateway else [event for event in self.events if isinstance(event, Usage)]


def book_journals(session: Session, config: Config) -> bool:
    """Book the reports unread by a dead worker. True: all reported usage is booked."""
    directory, journals = session_dir.for_session(session.pk), _read_all(session, config)
    for journal in journals:
        if journal.role == "implement" and journal.agent is not None:
            mask = secrets.mask_for(session.workspace_id, journal.agent.env)
            mailbox.collect_left(session, directory.questions, mask, record=journal.name, events=journal.events)
        for usage in journal.usages:
            metering.record(session, usage, CATEGORIES[journal.role], role=journal.name)
        for event in journal.events:
            if isinstance(event, Discrepancy) and not journal.is_by_gateway:
                with suppress(sessions.Superseded):
                    sessions.write(session, cost_note=event.message[:500])
    session.refresh_from_db(fields=["unpriced_model"])
    return all(journal.is_whole or journal.is_by_gateway for journal in journals) and not session.unpriced_model


def count(session: Session, config: Config) -> Count | None:
    """All reported usage of an ended session, booked or not; None: its files are gone."""
    if session.phase != Session.Phase.STARTING and not session_dir.for_session(session.pk).folder.is_dir():
        return None
    journals = _read_all(session, config)
    usages = [(usage, CATEGORIES[journal.role], journal.name) for journal in journals for usage in journal.usages]
    return Count(tuple(usages), is_whole=all(journal.is_whole or journal.is_by_gateway for journal in journals))


def _read_all(session: Session, config: Config) -> list[_Journal]:
    directory = session_dir.for_session(session.pk)
    return [
        _read(session, directory, role, turn, config)
        for role in ROLES
        for turn in range(1, MAX_TURNS + 1)
        if directory.record_for(record_name(role, turn)).journal.exists()
    ]


def _read(session: Session, directory: SessionDir, role: Role, turn: int, config: Config) -> _Journal:
    name = record_name(role, turn)
    agent = _agent(session, directory, role, name, config)
    is_by_gateway = bool(_text(directory.access_for(name)))
    if agent is None:
        return _Journal(role, name, None, is_by_gateway=is_by_gateway)
    record = directory.record_for(name)
    status = leftovers.read_status(record.status)
    reader = agents.for_kind(agent.kind).reader(_task_of_dead_process(session, role, agent, directory))
    events = [event for line in telemetry_log.read(record.telemetry) for event in reader.read_record(*line)]
    events += [event for line in leftovers.read_journal(record.journal) for event in reader.read(line)]
    events += [*reader.poll(), *reader.end(status.get("exit_code") if status else None)]
    return _Journal(role, name, agent, events, is_whole=status is not None, is_by_gateway=is_by_gateway)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _agent(session: Session, directory: SessionDir, role: Role, name: str, config: Config) -> Agent | None:
    """The agent of the process: the config may have another one by now."""
    present = _present(config, role)
    env = present.env if present else {}
    with suppress(OSError, ValueError):
        return Agent.model_validate({**json.loads(directory.agent_for(name).read_text()), "env": env})
    if role in ("review", "verify") or not session.agent or (present and present.kind == session.agent):
        return present
    with suppress(ValueError):
        return Agent.model_validate({"kind": session.agent, "model": session.model or None, "env": env})
    return present


def _present(config: Config, role: Role) -> Agent | None:
    if role == "review":
        return config.interceptor.acting_agent if config.interceptor else None
    if role == "verify":
        return config.verifier.acting_agent if config.verifier else None
    return config.agent_of(role)


def _task_of_dead_process(session: Session, role: Role, agent: Agent, directory: SessionDir) -> Task:
    """The task for a reader of a dead process's files, without token and secrets: their encryption key may have changed."""
    traits = agents.for_kind(agent.kind).TRAITS
    home = session_dir.home(session.work_id, agent.kind, role) if traits.has_home else None
    kept_thread = conversations.find(session.work_id, role, agent.kind) if traits.resumes else None
    return Task(
        agent=agent,
        role=role,
        prompt="",
        prompt_file=directory.prompt_for(role),
        cwd=Path((kept_thread[1].get("cwd") if kept_thread else None) or session_dir.worktrees() / session.work_id),
        home=home or directory.folder,
        env=session_dir.environment(session, directory, phase=PHASES[role], extra=agent.env, home=home),
        session_id=session.pk,
        thread=Thread(*kept_thread) if kept_thread else None,
    )
