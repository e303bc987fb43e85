"""One worker session from taking it to its end: worktree, agent, commit, review, verification, merge. Everything it leaves is kept."""

from pathlib import Path

import structlog

from orchestration import configuration, events, sessions
from orchestration.configuration import secrets
from orchestration.git import command as git
from orchestration.git import conflicts, merging, worktrees
from orchestration.git.command import GitError
from orchestration.models import Entry, Round, Session
from orchestration.reasons import Reason
from orchestration.sessions import Ending, Superseded, rounds, session_dir, supervise
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.rounds import Verdict
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.heartbeat import Heartbeat
from orchestration.worker.steps import implementing, protected_files, pushing, reviewing, verifying
from orchestration.worker.steps.context import RoundContext, SessionOver
from workspaces import activity
from workspaces.access import MUSTER

log = structlog.get_logger(__name__)

Outcome = Session.Outcome
CUT_SHORT = (Outcome.LOST, Outcome.INTERRUPTED, Outcome.STOPPED)


def run(session_id: str, attempt: int, heartbeat: Heartbeat) -> None:
    """Supervise a claimed session to its end. Quietly nothing when another worker was first."""
    session = sessions.take(session_id, attempt=attempt, worker=heartbeat.worker)
    if session is None:
        return
    structlog.contextvars.bind_contextvars(session=session.pk, entry=session.entry_id)
    with heartbeat.supervising(session) as watch, git.on_behalf_of(session.pk):
        try:
            ending = _run(session, watch)
        except SessionOver as over:
            ending = over.ending
        except Superseded:
            log.warning("session.superseded")
            return
        except GitError as error:
            ending = Ending(Outcome.CRASHED, f"git: {error}"[:500], findings=(str(error)[:500],))
        except Exception as error:
            log.exception("session.broke")
            ending = Ending(Outcome.CRASHED, f"Muster itself failed: {type(error).__name__}: {error}"[:500])
        if watch.reason in ("superseded", "fenced"):
            return  # another may act on it now: the reaper has the last word
        sessions.conclude(session, ending)


def _run(session: Session, watch: StopFlags) -> Ending:
    entry = session.entry
    config = configuration.load(session.workspace.executor.config)
    activity.record(session.workspace_id, events.SessionStarted(entry=entry.pk), by=MUSTER, object_id=session.pk)
    repo = Path(session.workspace.repo)
    passed = _passed_already(session)
    if passed and merging.contains(repo, config.integration_branch, passed.commit):
        return _landed(session, repo, passed.commit, passed.verdict)
    implements = passed is None and session.work == Entry.Work.IMPLEMENT
    tree = worktrees.prepare(repo, session_dir.worktrees(), entry.pk, config.integration_branch, leave_conflicts=implements)
    mask = secrets.mask_for(session.workspace_id, configuration.envs(config))
    writer = log_chunks.Writer(session, limit=config.log_limit_bytes, mask=mask)
    work = RoundContext(session, entry, config, watch, writer, tree, mask)
    work.protected = protected_files.judges(repo, tree.base_sha, config.verify, config.protected)
    try:
        if passed and merging.contains(repo, tree.branch, passed.commit):
            return _merge(work, passed.verdict)
        verdict = _round(work)
        if not verdict.passed and work.watch.reason != "stopped":  # a worker that shuts down still says what it found
            outcome = Outcome.CONFLICT if work.unresolved else Outcome.FAILED
            return Ending(outcome, _first(verdict.findings), verdict=verdict)
        work.check_wishes()
        return _merge(work, verdict)
    finally:
        supervise.patiently(work.writer.flush)


def _round(work: RoundContext) -> Verdict:
    """Implement (unless only verification is wanted), commit, review, verify. The verdict is written before anything is merged."""
    session = work.session
    work.opened = rounds.begin(session, base_commit=work.tree.base_sha)
    sessions.write(session, round_number=work.opened.number)
    findings: list[str] = []
    if session.work == Entry.Work.IMPLEMENT:
        findings = implementing.implement(work)
    work.opened.commit = worktrees.head(work.tree.path)
    work.opened.diffstat = worktrees.diffstat(work.tree.path, work.tree.base_sha)
    findings = [*_unresolved(work), *findings]
    work.check_wishes()
    if session.work == Entry.Work.IMPLEMENT and not findings:
        findings = reviewing.intercept(work)
    rounds.record_work(work.opened, findings)
    sessions.enter(session, Session.Phase.VERIFICATION)
    verdict = verifying.verify(work, findings)
    work.check_wishes()
    sessions.write(session, phase=Session.Phase.VERIFICATION)
    rounds.close(work.opened, verdict)
    return verdict


def _unresolved(work: RoundContext) -> list[str]:
    """A conflict that Muster, or the agent's own merge, left in the files and that nobody resolved: it may not be merged."""
    work.unresolved = conflicts.unresolved(work.tree.path, work.tree.base_sha)
    return [
        f"{Reason.MERGE_CONFLICT}: {name} still holds both sides between conflict markers: resolve it"
        for name in work.unresolved[:20]
    ]


def _passed_already(session: Session) -> rounds.Passed | None:
    """A round that passed but whose session ended before it was merged, or before that was said: the agent need not run again."""
    newest = Round.objects.filter(entry_id=session.entry_id).select_related("session").order_by("-number").first()
    if newest is None or newest.verdict != Round.Verdict.PASSED or not newest.commit:
        return None
    if newest.session.outcome in (Outcome.CONFLICT, Outcome.PASSED):
        return None
    was_cut_short = newest.session.outcome in CUT_SHORT and newest.session.attempt == session.attempt - 1
    if session.work == Entry.Work.VERIFY and not was_cut_short:
        return None  # a person wants it to be judged anew
    return rounds.Passed(newest.commit, Verdict(True, newest.score or 1.0, newest.findings, newest.checks))


def _merge(work: RoundContext, verdict: Verdict) -> Ending:
    sessions.enter(work.session, Session.Phase.MERGING)
    message = f"Merge {work.entry.pk}: {work.entry.title}"
    merged = merging.merge(work.repo, work.tree.branch, work.config.integration_branch, message)
    if isinstance(merged, merging.Conflict):
        files, notes = ", ".join(merged.files[:20]), "".join(f"\n{note}" for note in merged.notes)
        text = f"{Reason.MERGE_CONFLICT}: merging into {work.config.integration_branch} conflicts in {files}{notes}"
        rounds.add_finding(work.entry.pk, text)
        return Ending(Outcome.CONFLICT, text.split("\n")[0], verdict=verdict)
    return _landed(work.session, work.repo, merged.sha, verdict)


def _landed(session: Session, repo: Path, sha: str, verdict: Verdict) -> Ending:
    """The work is in the integration branch: its worktree may go, and the branch may be pushed."""
    worktrees.remove(repo, session_dir.worktrees() / session.entry_id)
    pushing.push(session.workspace_id, repo)
    return Ending(Outcome.PASSED, f"Merged as {sha[:12]}", exit_code=0, verdict=verdict)


def _first(findings: list[str]) -> str:
    """The first finding as one line: where it has several, its first and its last, which is where tools say what is wrong."""
    if not findings:
        return "Verification failed"
    lines = [line.strip() for line in findings[0].split("\n") if line.strip()]
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"
