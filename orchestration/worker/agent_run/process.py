"""One process of an agent in one role: metered, with a named failure."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import OuterRef

from budget.models import Category
from orchestration import sessions
from orchestration.configuration import Agent
from orchestration.configuration.config import agent_kinds
from orchestration.dialogue.delivery import Mail
from orchestration.models import Message, Session
from orchestration.processes.agent_process import Ended
from orchestration.processes.shim.shim_output import MAX_EVENT_LINE_BYTES
from orchestration.proposals import roles
from orchestration.sessions import Superseded, conversations, supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.folders.session_dir import SessionDir
from orchestration.sessions.reservations import Growth
from orchestration.sessions.sandbox import Started, network_sentence
from orchestration.sessions.stop_flags import StopFlags
from orchestration.sessions.supervise import SupervisedProcess
from orchestration.worker import agents
from orchestration.worker.agent_run import edit_permission, gateway_access
from orchestration.worker.agent_run.doomed_rounds import ProgressWatch
from orchestration.worker.agent_run.gateway_access import Served
from orchestration.worker.agent_run.mailbox import Mailbox
from orchestration.worker.agent_run.telemetry_log import TelemetryLog
from orchestration.worker.agent_run.usage_listener import UsageListener
from orchestration.worker.agents.shared import telemetry_endpoint
from orchestration.worker.agents.shared.events import Failure, Finished
from orchestration.worker.agents.shared.interface import Launch, Role, Task, Thread, record_name
from orchestration.worker.preparing.workbench import SessionContext
from workspaces.models import Role as TokenRole
from workspaces.people import tokens
from workspaces.secrets.sealing import Sealed

PHASES = {"implement": "implementation", "review": "interception", "verify": "verification"} | {
    name: str(role.phase) for name, role in roles.BY_NAME.items()
}
CATEGORIES = {
    "implement": Category.ENTRY,
    "review": Category.INTERCEPTOR,
    "verify": Category.ENTRY,
} | {name: role.category for name, role in roles.BY_NAME.items()}


@dataclass(frozen=True)
class AgentRun:
    """The result of a process."""

    ended: Ended
    reason: str  # of Muster's stop; empty: it ended by itself
    finished: Finished | None
    failure: Failure | None
    cost_known: bool  # all of its usage was read
    asked: bool = False  # it asked people something
    has_mail: bool = False  # people's messages may wait for it
    ended_early: str = ""  # the signs behind the reason `doomed`

    @property
    def ok(self) -> bool:
        """True if it ended by itself and claims success. Verification has the last word."""
        claims_success = self.finished is None or self.finished.ok
        return (
            self.ended.cause == "exited"
            and self.ended.exit_code in (0, self.finished.exit_code if self.finished else 0)
            and claims_success
            and self.failure is None
            and not self.reason
        )

    @property
    def summary(self) -> str:
        return self.finished.summary if self.finished else ""


@dataclass(frozen=True)
class Invocation:
    """The parameters of one process."""

    context: SessionContext
    agent: Agent
    role: Role
    prompt: str
    _: KW_ONLY
    cwd: Path  # its working copy on the host
    scratch: Path
    limit: int  # micro-USD of this process
    growth: Growth | None = None  # of its reservation meanwhile
    most: int | None = None  # of its role, if the reservation covers less
    turn: int = 1  # like Task.turn
    mail: Mail | None = None  # of its prompt; None: it cannot ask
    round_id: int = 0  # of the mail
    progress_watch: ProgressWatch | None = None

    @property
    def session(self) -> Session:
        return self.context.session

    @property
    def directory(self) -> SessionDir:
        return self.context.bench.directory

    @property
    def record(self) -> str:
        return record_name(self.role, self.turn)


def run(given: Invocation) -> AgentRun:
    """Run the agent until it ends or is stopped."""
    session, directory, module = given.session, given.directory, agents.for_kind(given.agent.kind)
    stop_flags, writer = given.context.stop_flags, given.context.writer
    directory.agent_for(given.record).write_text(given.agent.model_dump_json(exclude={"env"}), encoding="utf-8")
    telemetry_log, mailbox = TelemetryLog(directory.record_for(given.record).telemetry), None

    def on_record(name: str, attributes: Mapping[str, Any]) -> None:
        telemetry_log.append(name, attributes)
        listener.queue_record(name, attributes)

    def after_tool(payload: Mapping[str, Any]) -> tuple[str, str]:
        return mailbox.after_tool(payload) if mailbox is not None else ("", "")

    with _telemetry_endpoint(given, on_record, after_tool) as url, ExitStack() as ends:
        try:
            served = ends.enter_context(_serving(given))
            task = _task(given, served, url)
            launch = module.resume(task) if task.thread else module.start(task)
        except (ValueError, Sealed) as problem:
            return _failed_start(str(problem))
        mailbox = _mailbox(given)
        parts = (task, CATEGORIES[given.role], writer.mask, given.growth, mailbox, given.progress_watch, served.access)
        listener = UsageListener(session, stop_flags, module.reader(task), *parts)
        _keep(given, task, launch, url, on_record)
        job = _supervised(launch, task, _started(given, served, task, launch))
        ended = supervise.run(session, directory, job, stop_flags, writer, on_line=listener.read_line, on_poll=listener.tick)
        listener.end(ended.exit_code)
    given.context.bench.sandboxes.check_stage(given.cwd)
    return _with_mail(_result(session, stop_flags, listener, ended, task), mailbox)


def _serving(given: Invocation) -> AbstractContextManager[Served]:
    ceiling = given.growth.ceiling if given.growth else None
    money = gateway_access.Money(CATEGORIES[given.role], given.limit, given.most or given.limit, ceiling)
    return gateway_access.serving(given.session, given.agent, given.role, money, given.directory.access_for(given.record))


def _mailbox(given: Invocation) -> Mailbox | None:
    if given.mail is None:
        return None
    session, folder, mask = given.session, given.directory.questions, given.context.writer.mask
    return Mailbox(session, folder, mask, record=given.record, mail=given.mail, round_id=given.round_id)


def _keep(given: Invocation, task: Task, launch: Launch, url: str, on_record: telemetry_endpoint.OnRecord) -> None:
    """Store the conversation and its reader's state, and mask the tokens of this process in its log."""
    for known in launch.records:
        on_record(*known)
    given.context.writer.mask.learn({"MUSTER_TOKEN": task.env.get("MUSTER_TOKEN", ""), "of the endpoint": url.rpartition("/")[2]})
    if task.thread is not None and task.thread.totals.get("cwd", str(task.cwd)) != str(task.cwd):
        given.context.writer.add(
            "muster", "The conversation began in another folder, inside or outside of a sandbox: a new one begins."
        )
    if launch.thread is not None:
        conversations.keep(given.session.work_id, task.role, task.agent.kind, launch.thread.id, launch.thread.totals)


def _with_mail(result: AgentRun, mailbox: Mailbox | None) -> AgentRun:
    """Complete the result: store the last question, and confirm delivered mail."""
    if mailbox is None:
        return result
    _insist(mailbox.collect)
    result = replace(result, asked=mailbox.asked)
    if result.ok or result.asked:
        mailbox.confirm_prompt()
        mailbox.confirm_handed()
    return result


def _started(given: Invocation, served: Served, task: Task, launch: Launch) -> Started:
    """Start parameters: environment and sandbox. The log gets a line about its network, if processes differ in that."""
    name = f"{agent_kinds.title(task.agent.kind)} ({task.role})"
    if sentence := network_sentence(
        given.context.bench.sandboxes.decision, name, behind_gateway=bool(served.access), past=served.bypass_reason
    ):
        given.context.writer.add("muster", sentence)
    return given.context.bench.sandboxes.start(
        task.working_copy,
        {**task.env, **launch.env},
        scratch=given.scratch,
        home=task.home if agents.for_kind(task.agent.kind).TRAITS.has_home else None,
        files=given.directory.files,
        logins=_logins(task.agent, task.env),
        endpoint=task.endpoint,
        questions=given.directory.questions if "MUSTER_QUESTIONS" in task.env else None,
        agent=task.agent,
        behind_gateway=bool(served.access),
    )


def _logins(agent: Agent, variables: Mapping[str, str]) -> list[Path]:
    """The agent's files of the user's login."""
    traits = agents.for_kind(agent.kind).TRAITS
    if not agent.use_login or any(key in variables for key in agent_kinds.KEYS.get(agent.kind, ())):
        return []
    return [Path.home() / path for path, _ in traits.logins if (Path.home() / path).is_file()]


def _supervised(launch: Launch, task: Task, started: Started) -> SupervisedProcess:
    agent, traits = task.agent, agents.for_kind(task.agent.kind).TRAITS
    return SupervisedProcess(
        launch.argv,
        str(task.working_copy),
        started.env,
        agent.timeout_s,
        agent.idle_timeout_s,
        name="" if task.role == "implement" else task.record,
        kill_sequence=traits.kill_sequence,
        ignored_prefixes=traits.ignored_prefixes,
        role=task.record,
        sandbox=started.sandbox,
        limits=started.limits,
    )


def _result(session: Session, stop_flags: StopFlags, listener: UsageListener, ended: Ended, task: Task) -> AgentRun:
    """The result, after the last usage is booked."""
    booked = _insist(listener.meter.book)
    rows = Session.of_any_role.annotate(mail=Message.waits(OuterRef("entry_id")))
    session.unpriced_model, has_mail = rows.values_list("unpriced_model", "mail").get(pk=session.pk)
    if ended.events_cut and not listener.meter.by_gateway:
        _insist(lambda: supervise.try_database(lambda: sessions.write(session, cost_note=_unread_cost(ended))))
    reason = stop_flags.reason or listener.reason or listener.ended_without_money(ended.exit_code)
    if listener.meter.by_gateway and not reason:
        supervise.try_database(lambda: listener.compare_reports(ended.exit_code))
    # Output after a stop is no failure of the agent, except at the reason "failed": then its failure caused the stop.
    timed_out = ended.cause in ("wall_timeout", "idle_timeout")
    failure = listener.failure if reason == "failed" or (not reason and not timed_out) else None
    if timed_out and not reason and listener.last_wait is not None:  # silent: it waited for its provider
        failure = Failure(listener.last_wait.code, listener.last_wait.message, listener.last_wait.until)
    if failure is None and ended.cause == "start_failed":
        failure = Failure("cli_missing", ended.error)
    if failure is not None and failure.code in ("thread_lost", "context_full"):
        conversations.forget(session.work_id, role=task.role, kind=task.agent.kind)
    return AgentRun(
        ended=ended,
        reason=reason,
        finished=listener.finished,
        failure=failure,
        cost_known=listener.meter.by_gateway
        or (booked and ended.complete and not ended.events_cut and not session.unpriced_model),
        has_mail=has_mail,
        ended_early=listener.ended_early if reason == "doomed" else "",
    )


def _unread_cost(ended: Ended) -> str:
    lines = "a line" if ended.events_cut == 1 else f"{ended.events_cut} lines"
    limit = MAX_EVENT_LINE_BYTES // 2**20
    return f"Its output had {lines} of more than {limit} MiB, cut there: what they cost is unknown, so the whole reservation is charged"


def _telemetry_endpoint(
    given: Invocation, on_record: telemetry_endpoint.OnRecord, after_tool: telemetry_endpoint.AfterTool
) -> AbstractContextManager[str]:
    """The URL for a CLI's telemetry and hooks; empty for a plain command."""
    session, kind, role = given.session, given.agent.kind, given.role
    if not agents.for_kind(kind).TRAITS.binary:
        return nullcontext("")
    home, seen = session_dir.home(session.work_id, kind, role), given.context.bench.sandboxes.cwd(given.cwd)
    may_edit = edit_permission.permission_check(session.entry, role, cwd=given.cwd, cwd_in_sandbox=seen, home=home)
    return telemetry_endpoint.serving(on_record=on_record, may_edit=may_edit, after_tool=after_tool)


def _task(given: Invocation, served: Served, url: str) -> Task:
    session, directory, role, agent = given.session, given.directory, given.role, served.agent
    prompt_file = directory.prompt_for(role)
    prompt_file.write_text(given.prompt, encoding="utf-8", errors="replace")
    token = "" if session.is_run else _token(session)
    traits = agents.for_kind(agent.kind).TRAITS
    home = _home(session, agent, role, served.env) if traits.has_home else None
    kept_thread = conversations.find(session.work_id, role, agent.kind) if traits.resumes else None
    return Task(
        agent=agent,
        role=role,
        prompt=given.prompt,
        prompt_file=prompt_file,
        cwd=given.context.bench.sandboxes.cwd(given.cwd),
        home=home or directory.folder,
        env=session_dir.environment(
            session,
            directory,
            phase=PHASES[role],
            extra=served.env,
            token=token,
            limit=served.limit,
            home=home,
            prompt=prompt_file,
            questions=directory.questions if role == "implement" else None,
        ),
        session_id=session.pk,
        limit=served.limit,
        endpoint=url,
        thread=Thread(*kept_thread) if kept_thread else None,
        folder=given.cwd,
        turn=given.turn,
        output_tokens=served.output_tokens,
    )


def _home(session: Session, agent: Agent, role: Role, variables: Mapping[str, str]) -> Path:
    """The CLI's home for this entry, with the user's login if permitted."""
    home = session_dir.home(session.work_id, agent.kind, role)
    arrange = session_dir.link_logins if _logins(agent, variables) else session_dir.unlink_logins
    arrange(home, agents.for_kind(agent.kind).TRAITS.logins)
    if role == "implement":
        session_dir.show_programs(home)
    return home


def _token(session: Session) -> str:
    """A new token for reports of progress and usage. A run's agent gets none: it reports on stdout. Raises Superseded, and revokes the token, if another worker has
    ended the session meanwhile."""
    name = f"session {session.pk}"
    token = tokens.create(name, role=TokenRole.VIEWER, workspace=session.workspace, session_ref=session.pk, by="muster")
    try:
        sessions.write(session, status=Session.Status.RUNNING)
    except Superseded:
        tokens.end_session(session.pk)
        raise
    return token


def _failed_start(problem: str) -> AgentRun:
    ended = Ended(cause="start_failed", error=problem)
    return AgentRun(ended, "", None, Failure("cli_refused", problem), cost_known=True)


def _insist(action: Callable[[], bool]) -> bool:
    """Retry for half the lease, while the database is unavailable. False: it did not work."""
    give_up_at = time.monotonic() + settings.LEASE_S / 2
    while not action():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.5)
    return True
