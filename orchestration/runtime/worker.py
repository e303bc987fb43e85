"""One worker session from taking it to its end: worktree, agent, commit, verification, merge. Everything it leaves is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from orchestration import configuration, locks, logs, paths, rounds, sessions
from orchestration.configuration import Check, Config
from orchestration.models import Entry, FileLock, Round, Session
from orchestration.rounds import Verdict
from orchestration.runtime import following, merging, place, prompt, turns, verification, worktree
from orchestration.runtime.following import Job
from orchestration.runtime.git import GitError
from orchestration.runtime.heartbeat import Heartbeat
from orchestration.runtime.processes import Ended
from orchestration.runtime.watch import Watch
from orchestration.sessions import Ending, Superseded
from workspaces import activity
from workspaces.access import MUSTER

log = structlog.get_logger(__name__)

SETUP_TIMEOUT_S = 1800
Outcome = Session.Outcome


class _Over(Exception):
    """The session is over, with this ending: raised where that becomes clear."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


@dataclass
class _Work:
    """What the steps of one session share."""

    session: Session
    entry: Entry
    config: Config
    watch: Watch
    writer: logs.Writer
    tree: worktree.Worktree
    is_new_folder: bool = True
    opened: Round | None = None

    @property
    def repo(self) -> Path:
        return Path(self.session.workspace.repo)

    def check_wishes(self) -> None:
        """Raises _Over when the session must end."""
        if self.watch.reason:
            raise _Over(_ending_for(self.watch.reason, self.session))


def run(session_id: str, attempt: int, heartbeat: Heartbeat) -> None:
    """Supervise a claimed session to its end. Quietly nothing when another worker was first."""
    session = sessions.take(session_id, attempt=attempt, worker=heartbeat.worker)
    if session is None:
        return
    structlog.contextvars.bind_contextvars(session=session.pk, entry=session.entry_id)
    with heartbeat.supervising(session) as watch:
        try:
            ending = _run(session, watch)
        except _Over as over:
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


def _run(session: Session, watch: Watch) -> Ending:
    entry = session.entry
    config = configuration.load(session.workspace.executor.config)
    activity.record(session.workspace_id, "session.started", by=MUSTER, object_id=session.pk, data={"entry": entry.pk})
    is_new_folder = not (place.worktrees() / entry.pk).exists()
    tree = worktree.prepare(Path(session.workspace.repo), place.worktrees(), entry.pk, config.integration_branch)
    work = _Work(session, entry, config, watch, logs.Writer(session, limit=config.log_limit_bytes), tree, is_new_folder)
    try:
        if passed := _passed_already(work):
            return _merge(work, passed)
        verdict = _round(work)
        work.check_wishes()
        if not verdict.passed:
            return Ending(Outcome.FAILED, _first(verdict.findings), verdict=verdict)
        return _merge(work, verdict)
    finally:
        following.patiently(work.writer.flush)


def _round(work: _Work) -> Verdict:
    """Implement (unless only verification is wanted), commit, verify. The verdict is written before anything is merged."""
    session = work.session
    work.opened = rounds.begin(session, base_commit=work.tree.base_sha)
    sessions.write(session, round_number=work.opened.number)
    findings: list[str] = []
    if session.work == Entry.Work.IMPLEMENT:
        findings = _implement(work)
    work.opened.commit = worktree.head(work.tree.path)
    work.opened.diffstat = worktree.diffstat(work.tree.path, work.tree.base_sha)
    work.check_wishes()
    sessions.enter(session, Session.Phase.VERIFICATION)
    verdict = _verify(work)
    work.check_wishes()
    if findings:
        verdict = Verdict(False, verdict.score, [*findings, *verdict.findings], verdict.checks)
    sessions.write(session, phase=Session.Phase.VERIFICATION)
    rounds.close(work.opened, verdict)
    rounds.keep_best(work.entry.pk, verdict.score)
    return verdict


def _implement(work: _Work) -> list[str]:
    """Run the agent and commit what it did. Answers the findings about files that are not the entry's. Raises _Over."""
    session, entry, opened = work.session, work.entry, work.opened
    assert opened is not None
    text = prompt.write(entry, number=opened.number, found=rounds.findings_for(entry), checks=work.config.verify)
    Round.objects.filter(pk=opened.pk).update(prompt=text)
    here = place.furnish(session, entry, text)
    sessions.enter(session, Session.Phase.IMPLEMENTATION)
    if work.is_new_folder:
        _set_up(work, here, work.tree.path)
    hold = session.hold.amount if session.hold else 0
    done = turns.run(session, work.watch, work.writer, work.config.agent, "implement", here, cwd=work.tree.path, limit=hold)
    opened.summary = done.summary
    opened.commit = worktree.commit(work.tree.path, f"{entry.title}\n\nMuster round {opened.number} of {entry.pk}") or ""
    opened.diffstat = worktree.diffstat(work.tree.path, work.tree.base_sha)
    Round.objects.filter(pk=opened.pk).update(summary=opened.summary, commit=opened.commit, diffstat=opened.diffstat)
    if ending := _ended_early(done, session, work.writer.last_words):
        raise _Over(ending)
    if not done.cost_known:
        sessions.forget_price(session)
    return _undeclared(work)


def _ended_early(done: turns.Turn, session: Session, last_words: str) -> Ending | None:
    """The ending of a session whose agent did not finish; None: it did, go on to verification."""
    ended, unknown = done.ended, not done.cost_known
    code = ended.exit_code
    if done.reason in ("stopped", "interrupted", "superseded", "fenced"):
        ending = _ending_for(done.reason, session)
        return Ending(ending.outcome, ending.message, exit_code=code, cost_unknown=unknown, findings=ending.findings)
    if done.reason == "out_of_money":
        message = "The session's hold was used up: its work is kept, and it goes on when there is money"
        return Ending(Outcome.OUT_OF_MONEY, message, exit_code=code, cost_unknown=unknown, findings=(message,))
    if ended.cause in ("wall_timeout", "idle_timeout"):
        what = (
            "ran longer than its time limit" if ended.cause == "wall_timeout" else "said nothing for longer than its idle limit"
        )
        message = f"The agent {what} ({ended.seconds:.0f} s)"
        return Ending(Outcome.TIMED_OUT, message, exit_code=code, cost_unknown=unknown, findings=(message,))
    if not done.ok:
        message = _crash(ended, done.summary, last_words)
        return Ending(Outcome.CRASHED, message, exit_code=code, cost_unknown=unknown, findings=(message,))
    return None


def _crash(ended: Ended, summary: str, last_words: str) -> str:
    if ended.cause == "start_failed":
        return f"The agent could not be started: {ended.error}"[:500]
    if ended.cause == "killed" or ended.signal:
        return f"The agent was killed by signal {ended.signal}: {ended.error}"[:500].rstrip(": ")
    if ended.exit_code == 0:
        return f"The agent says that it did not succeed: {summary or 'no reason given'}"[:500]
    said = f". Its last words: {last_words}" if last_words else ""
    return f"The agent exited with {ended.exit_code}{said}"[:500]


def _ending_for(reason: str, session: Session) -> Ending:
    if reason == "stopped":
        by = Session.objects.values_list("stop_wanted_by", flat=True).get(pk=session.pk)
        message = f"Stopped by {by}: its work is kept"
        return Ending(Outcome.STOPPED, message, findings=(message,))
    return Ending(Outcome.INTERRUPTED, "The worker was shut down: its work is kept", findings=("The round was interrupted.",))


def _undeclared(work: _Work) -> list[str]:
    """Changed files that the entry has not locked: they are locked now if they are free, or the round fails (architecture.md 7)."""
    mine = list(FileLock.objects.filter(entry=work.entry).values_list("path", flat=True))
    wanted = []
    for path in worktree.changed_files(work.tree.path, work.tree.base_sha):
        try:
            name = paths.normalise(path)
        except paths.BadPath as bad:
            return [f"files_locked: {path!r} may not be changed: {bad}"]
        if not any(paths.covers(lock, name) for lock in mine):
            wanted.append(name)
    refused = locks.extend(work.entry, wanted) if wanted else []
    return [f"files_locked: {path} belongs to {holder}: undo your changes to it" for path, holder in refused]


def _set_up(work: _Work, here: place.Place, cwd: Path) -> None:
    """The workspace's setup commands in a fresh worktree. Raises _Over when one fails."""
    for n, command in enumerate(work.config.setup, start=1):
        env = place.environment(work.session, here, phase="setup", extra=work.config.agent.env)
        job = Job(following.argv_of(command), str(cwd), env, SETUP_TIMEOUT_S, name=f"setup-{n}")
        ended = following.follow(work.session, here, job, work.watch, work.writer)
        work.check_wishes()
        if ended.exit_code != 0:
            message = f"Setup command {n} failed: {ended.error or f'exit {ended.exit_code}'}"
            raise _Over(Ending(Outcome.CRASHED, message, exit_code=ended.exit_code, findings=(message,)))


def _verify(work: _Work) -> Verdict:
    """Run the checks in a clean checkout of the round's commit: what is judged is what would be merged."""
    here = place.furnish(work.session, work.entry, "") if work.session.work == Entry.Work.VERIFY else place.of(work.session.pk)
    assert work.opened is not None
    with worktree.checkout(work.repo, place.worktrees(), work.session.pk, work.opened.commit) as clean:
        if work.config.verify:
            _set_up(work, here, clean)

        def run(check: Check, hear: Callable[[str, str], None]) -> Ended:
            env = place.environment(work.session, here, phase="verification", extra=work.config.agent.env)
            job = Job(following.argv_of(check.run), str(clean), env, check.timeout_s, name=check.name)
            ended = following.follow(work.session, here, job, work.watch, work.writer, on_line=hear)
            work.check_wishes()
            return ended

        return verification.verify(work.config.verify, clean, run)


def _passed_already(work: _Work) -> Verdict | None:
    """The verdict of a round that passed but was not merged, because its worker died in between: only the merge is left."""
    if work.session.work == Entry.Work.VERIFY:
        return None
    newest = Round.objects.filter(entry=work.entry).order_by("-number").first()
    if newest is None or newest.verdict != Round.Verdict.PASSED or newest.commit != worktree.head(work.tree.path):
        return None
    if Session.objects.filter(pk=newest.session_id, outcome=Outcome.CONFLICT).exists():
        return None
    return Verdict(True, newest.score or 1.0, newest.findings, newest.checks)


def _merge(work: _Work, verdict: Verdict) -> Ending:
    sessions.enter(work.session, Session.Phase.MERGING)
    message = f"Merge {work.entry.pk}: {work.entry.title}"
    merged = merging.merge(work.repo, work.tree.branch, work.config.integration_branch, message)
    if isinstance(merged, merging.Conflict):
        text = f"merge_conflict: merging into {work.config.integration_branch} conflicts in {', '.join(merged.files[:20])}"
        rounds.add_finding(work.entry.pk, text)
        return Ending(Outcome.CONFLICT, text, verdict=verdict)
    worktree.remove(work.repo, work.tree.path)
    return Ending(Outcome.PASSED, f"Merged as {merged.sha[:12]}", exit_code=0, verdict=verdict)


def _first(findings: list[str]) -> str:
    """The first finding as one line: where it has several, its first and its last, which is where tools say what is wrong."""
    if not findings:
        return "Verification failed"
    lines = [line.strip() for line in findings[0].split("\n") if line.strip()]
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"
