"""One worker session from its claim to its end: worktree, agent, commit, review, verification. Its work is always kept, and queued for landing once verified.
A run (`runs`) has the same beginning and end, with steps of its own."""

import time
from dataclasses import replace
from pathlib import Path

import structlog
from django.db import InterfaceError, OperationalError, connection

from orchestration import configuration, sessions
from orchestration.backlog import content, newest_work
from orchestration.backlog.rules.ways import Done
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.git import changes, conflicts, history, merging
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.hosts import problems
from orchestration.landing import branch, queue
from orchestration.models import Entry, Round, Session
from orchestration.repositories import local_repository
from orchestration.repositories.authority import Unreachable
from orchestration.sessions import Ending, Superseded, rounds, sandbox, supervise
from orchestration.sessions.ending import Verdict
from orchestration.sessions.folders import session_dir
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.sandbox import HostFault
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import availability, endings, host_faults, reaper, repository_watch
from orchestration.worker.endings import Facts, Fault, SessionOver, Surroundings
from orchestration.worker.heartbeat import Heartbeat
from orchestration.worker.preparing import candidate_places, newest_commit, sharing, stacked_start, workbench
from orchestration.worker.preparing.workbench import SessionBench
from orchestration.worker.runs import asking
from orchestration.worker.steps import given_tests, implementing, protected_files, reviewing, verifying, work
from orchestration.worker.steps.context import RoundContext
from orchestration.worker.steps.work import Work
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.machine import disk
from workspaces.secrets import masking

log = structlog.get_logger(__name__)

Outcome = Session.Outcome
OUTAGE_POLL_S = 0.5
INTERRUPTED = (Outcome.LOST, Outcome.INTERRUPTED, Outcome.STOPPED)


def run(session_id: str, attempt: int, heartbeat: Heartbeat) -> None:
    """Supervise a claimed session to its end. Does nothing if another worker was first, or if this host has a problem: the session then waits for another host,
    or for the problem's end."""
    if problem := problems.that_stops():
        log.warning("session.not_taken", session=session_id, why=problem)
        return
    session = sessions.take(session_id, attempt=attempt, worker=heartbeat.worker)
    if session is None:
        return
    structlog.contextvars.bind_contextvars(workspace=session.workspace_id, entry=session.entry_id or "", session=session.pk)
    if fault := host_faults.of_config(session.workspace.executor.config):
        availability.lost(session.workspace_id, fault)
        sessions.conclude(session, endings.after(Facts("not_begun", "host", (fault,))))
        return
    with heartbeat.supervising(session) as stop_flags, git.on_behalf_of(session.pk):
        try:
            with masking.hiding():
                _run_to_end(session, stop_flags)
        except (OperationalError, InterfaceError) as error:
            _end_after_outage(session, stop_flags, error)


def _run_to_end(session: Session, stop_flags: StopFlags) -> None:
    """Run a session, and conclude it. Raises OperationalError or InterfaceError without the database."""
    fault: Fault = "agent"
    try:
        ending = asking.ask(session, stop_flags) if session.is_run else _run(session, stop_flags)
    except SessionOver as over:
        ending = endings.after(over.facts)
    except Superseded:
        log.warning("session.superseded")
        return
    except Exception as error:
        if isinstance(error, OperationalError | InterfaceError) and not disk.is_full(error):
            raise
        fault, cause = _fault_of(session, error), str(error)
        if fault == "muster":
            log.exception("session.internal_error")
            cause = f"{type(error).__name__}: {cause}"
        ending = endings.after(Facts("failed", fault, (cause,), is_done=_is_done(session)))
    if stop_flags.reason in ("superseded", "fenced"):
        return  # another worker may act on it now, or the reaper ends it
    if not session.is_run and not _is_published(session):
        return
    if ending.outcome == Outcome.CRASHED:
        ending = endings.blame(ending, fault, _surroundings(session, ending, fault), is_done=_is_done(session))
    sessions.conclude(session, ending)
    candidate_places.adopt(session)
    sandbox.remove_scratch(session_dir.for_session(session.pk).private)  # last: a large folder would delay the end


def _end_after_outage(session: Session, stop_flags: StopFlags, error: Exception) -> None:
    """End the session once the database answers again. After the lease the reaper does."""
    log.warning("session.database_unavailable", error=str(error).split("\n")[0])
    while stop_flags.may_act and stop_flags.reason not in ("superseded", "fenced"):
        connection.close()
        try:
            if reaper.end_after_outage(session):
                return
        except (OperationalError, InterfaceError):
            pass
        time.sleep(OUTAGE_POLL_S)


def _fault_of(session: Session, error: Exception) -> Fault:
    if isinstance(error, Unreachable):
        availability.lost(session.workspace_id, str(error))
        return "shared_repository"
    if isinstance(error, GitError):
        return "git"
    if isinstance(error, HostFault):
        return "start"
    return "muster"


def _surroundings(session: Session, crash: Ending, fault: Fault) -> Surroundings:
    """The state of the host and the repository. The slow look at the repository needs a healthy host."""
    if endings.suspects_host(crash, fault) and (problem := host_faults.problem(session.workspace)):
        availability.lost(session.workspace_id, problem)
        return Surroundings(host=problem)
    repository, was_away = repository_watch.trouble_behind(session, by_git=fault == "git")
    return Surroundings("", repository, was_away, disk_is_full=disk.is_low() or disk.is_full(crash.message))


def _is_done(session: Session) -> bool:
    return not session.is_run and rounds.is_work_done(session)


def _is_published(session: Session) -> bool:
    """Push the work for other hosts. False: a newer attempt has pushed."""
    try:
        sharing.publish(session)
    except Superseded:
        log.warning("session.superseded")
        return False
    return True


def _run(session: Session, stop_flags: StopFlags) -> Ending:
    entry = session.entry
    config = configuration.of_session(session.workspace.executor.config, session.agent_name, session.effort)
    activity.record(session.workspace_id, events.SessionStarted(entry=entry.pk), by=MUSTER, object_id=session.pk)
    bench = workbench.of_session(session, config, config.agent)
    sandbox.remove_scratch(bench.private_home / "tmp")  # an earlier session's
    local_repository.ensure(session.workspace)
    start = branch.start_point(session.workspace, config.integration_branch)
    start = stacked_start.start_for(session, bench.repo, start)
    sharing.claim(session, start)
    if (ending := newest_commit.have(session, bench.repo, start)) is not None:
        return ending
    candidate_places.begin(session)
    earlier = _earlier_pass(session, bench.repo)
    if earlier and history.contains(bench.repo, start, earlier.commit):
        if done := newest_work.proof(entry.pk, bench.repo, start):
            return _landed_before(session, earlier.commit, earlier.verdict, done)
        earlier = None  # it was verified without the work of an earlier round
    copy = session_dir.of_session(session, bench.sandboxes.wrap)
    is_new = earlier is None and session.work == Entry.Work.IMPLEMENT
    worktree = copy.prepare(config.integration_branch, start=start, leave_conflicts=is_new)
    writer = log_chunks.Writer(session, limit=config.log_limit_bytes, mask=bench.mask)
    for sentence in (bench.sandboxes.decision.sentence, *worktree.missing):
        writer.add("muster", sentence)
    protected = protected_files.judges(bench.repo, worktree.base_sha, config.verify, config.protected, named=entry.paths)
    session_dir.prepare(session, entry)
    given, question = given_tests.of(entry), verifying.question_for(entry, config.pass_policy)
    base_tree = changes.tree_of(bench.repo, worktree.base_sha)
    context = RoundContext(
        session, entry, bench, stop_flags, writer, copy, worktree, given, protected, question=question, base_tree=base_tree
    )
    try:
        if earlier and merging.contains(bench.repo, worktree.branch, earlier.commit):
            return _queue_landing(session, bench, earlier.commit, earlier.verdict)
        verdict = _run_round(context)
        if not verdict.passed and stop_flags.reason != "stopped":  # a worker that shuts down still records its verdict
            return endings.after(endings.refused(verdict, has_conflicts=bool(context.work.unresolved)))
        context.check_stop_requests()
        return _queue_landing(session, bench, context.round.commit, verdict)
    finally:
        supervise.try_database(writer.flush)


def _run_round(context: RoundContext) -> Verdict:
    """Implement (except for a verification), commit, review, verify. The verdict is written before the merge.

    After a session that ended right behind its agent, this continues with the commit.
    """
    session = context.session
    base = context.worktree.base_sha
    sandbox_sentence = context.bench.sandboxes.decision.sentence
    context.round = round_ = sessions.begin_round(session, base_commit=base, sandbox=sandbox_sentence)
    is_new = session.work == Entry.Work.IMPLEMENT
    continues = not is_new and round_.agent_done
    findings = implementing.implement(context) if is_new else []
    if not round_.commit:  # else its commit is the head
        round_.commit = context.copy.export()
    context.work = work.read(context.bench, base, round_.commit, named=context.entry.paths, protected=context.protected)
    round_.diffstat = dict(context.work.changes.diffstat)
    if round_.ended_early and not findings and (known := _known_findings(context)) is not None:
        verdict = Verdict(passed=False, score=0.0, findings=[round_.ended_early, *known], is_doomed=True)
        sessions.close_round(session, round_, verdict)
        return verdict
    if is_new or continues:
        findings = implementing.check_changes(context, findings)
    findings = [*_unresolved(context.work), *findings]
    context.check_stop_requests()
    if (is_new or (continues and not round_.review)) and not findings:
        findings = reviewing.intercept(context)
    sessions.begin_verification(session, round_, findings)
    verdict = verifying.verify(context, findings)
    if context.is_unchanged and not context.work.unresolved and (not verdict.passed or verdict.is_unproven):
        others = [finding for finding in verdict.findings if finding != implementing.UNCHANGED]
        verdict = replace(verdict, passed=False, is_unproven=False, is_unchanged=True, findings=[implementing.UNCHANGED, *others])
    if round_.ended_early and not verdict.passed:
        verdict = replace(verdict, is_doomed=True, is_unchanged=False, findings=[round_.ended_early, *verdict.findings])
    context.check_stop_requests()
    sessions.close_round(session, round_, verdict)
    return verdict


def _known_findings(context: RoundContext) -> list[str] | None:
    """The findings of the last judged round with this tree: another verdict would be equal. None: the work needs one."""
    before, repo = rounds.newest_judged(context.entry.pk), context.bench.repo
    if before is None or not before.commit or not history.has(repo, before.commit):
        return [] if context.work.tree == context.base_tree else None
    if before.verdict == Round.Verdict.PASSED or changes.tree_of(repo, before.commit) != context.work.tree:
        return None
    return [finding for finding in before.findings if finding != before.ended_early]


def _unresolved(work: Work) -> list[str]:
    """Findings for conflict markers of Muster's or the agent's own merge: they must not be merged."""
    return [
        f"{Reason.MERGE_CONFLICT}: {name} still holds both sides between conflict markers: resolve it"
        for name in work.unresolved[:20]
    ]


def _earlier_pass(session: Session, repo: Path) -> rounds.Passed | None:
    """A passed round without a landing: it was withdrawn, or the session ended before it was queued. The agent need not run again, unless the entry's text has
    changed."""
    newest = Round.objects.filter(entry_id=session.entry_id).select_related("session").order_by("-number").first()
    if newest is None or newest.verdict != Round.Verdict.PASSED or not newest.commit:
        return None
    if not history.has(repo, newest.commit):
        return None  # lost with its host
    if content.changed_since(session.entry, newest.started_at):
        return None
    # Also a later session without a round: two conflicts in a row had blocked the entry, and no agent saw the first.
    since = Session.objects.filter(entry_id=session.entry_id, attempt__gte=newest.session.attempt)
    if since.filter(outcome=Outcome.CONFLICT).exists():
        return None
    if newest.session.outcome == Outcome.PASSED and not queue.was_withdrawn(session.owner_id):
        return None
    was_cut_short = newest.session.outcome in INTERRUPTED and newest.session.attempt == session.attempt - 1
    if session.work == Entry.Work.VERIFY and not was_cut_short:
        return None  # a person requested a new verification
    return rounds.Passed(newest.commit, rounds.verdict_of(newest))


def _queue_landing(session: Session, bench: SessionBench, commit: str, verdict: Verdict) -> Ending:
    """Queue the work for its landing, and end the session: as a conflict, if newer landings conflict."""
    repo, config = bench.repo, bench.config
    sessions.enter(session, Session.Phase.MERGING)
    tip = branch.start_point(session.workspace, config.integration_branch)
    if commit != tip and history.contains(repo, commit, tip):
        return endings.after(endings.verified(commit, verdict))  # nothing landed meanwhile
    if history.contains(repo, tip, commit):
        done = newest_work.proof(session.owner_id, repo, tip)
        return _landed_before(session, commit, verdict, done) if done else _without_work(session.entry, verdict)
    tree = conflicts.merge_trees(repo, tip, commit)
    if not tree.files:
        return endings.after(endings.verified(commit, verdict))
    text = endings.conflict(config.integration_branch, tree.files, tree.notes)
    newest_work.add_finding(session.owner_id, text)
    return endings.after(Facts("conflicted", "work", (text.split("\n")[0],), verdict=verdict))


def _landed_before(session: Session, commit: str, verdict: Verdict, done: Done) -> Ending:
    """The end of work that is already in the integration branch, or was unnecessary."""
    session_dir.of_session(session).discard()
    return endings.after(endings.landed(commit, verdict, done))


def _without_work(entry: Entry, verdict: Verdict) -> Ending:
    """The end without a pass: the verified tree has nothing of the entry's newest work, whatever the base's results."""
    newest = newest_work.of(entry.pk)
    ending = endings.after(endings.without_work(verdict, newest.round.number if newest else None, entry.branch))
    newest_work.add_finding(entry.pk, ending.message)
    return ending
