"""Ending sessions whose worker is gone: never before their processes are proven dead (invariant 9)."""

import socket
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.db.models.functions import Now

from orchestration import configuration, sessions
from orchestration.git import command as git
from orchestration.git import worktrees
from orchestration.git.command import GitError
from orchestration.models import Entry, Round, Session, Worker
from orchestration.processes import leftovers
from orchestration.sessions import Ending, rounds, session_dir
from orchestration.worker.agent_run import run as agent_run

log = structlog.get_logger(__name__)

FORGET_WORKER = timedelta(days=1)
# A shim that lives ends its agent by itself; its last word is that its journal has all that the agent told. Without it the full hold is charged.
SHIM_GRACE_S = 3.0
# Its supervisor kills within milliseconds of being asked; one that did not by then does not answer.
KILL_PATIENCE = timedelta(seconds=3)


def reap(only: Collection[str] | None = None) -> int:
    """Look at every running session that this host can judge, or at some; answers how many were ended."""
    ended = 0
    for session in suspects():
        if only is None or session.pk in only:
            ended += _try_to_end(session)
    _forget_dead_workers()
    return ended


def _try_to_end(session: Session) -> bool:
    """One that cannot be ended now does not keep the others from it."""
    try:
        return _end(session)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        log.exception("session.not_ended", session=session.pk)
        return False


def suspects() -> list[Session]:
    """Sessions of this host whose worker process is dead or was asked in vain to kill, and sessions anywhere whose lease and grace have
    passed."""
    overdue = Q(lease_until__lt=Now() - timedelta(seconds=settings.LEASE_GRACE_S))
    here = Q(host=socket.gethostname())
    overdue |= here & Q(kill_wanted_at__lt=Now() - KILL_PATIENCE)
    running = Session.objects.filter(overdue | here, status=Session.Status.RUNNING)
    running = running.select_related("worker", "entry__account__project", "workspace__executor", "hold")
    late = set(Session.objects.filter(overdue, status=Session.Status.RUNNING).values_list("pk", flat=True))
    return [session for session in running if session.pk in late or not _worker_lives(session.worker)]


def _worker_lives(worker: Worker | None) -> bool:
    """Is the very process that registered still there? A pid that was given to another one does not count, nor one before a reboot."""
    if worker is None:
        return False
    return leftovers.is_alive(leftovers.Identity(worker.pid, worker.started_ticks, worker.boot_id))


def _end(session: Session) -> bool:
    is_here = session.host == socket.gethostname()
    if is_here and not _is_proven_dead(session):
        return False  # try again with the next tick
    known = False
    if is_here:
        known = agent_run.book_journals(session, configuration.load(session.workspace.executor.config))
        _keep_work(session)
        worktrees.discard(Path(session.workspace.repo), session_dir.worktrees() / session.pk)
    return sessions.conclude(session, _ending(session, known))


def _is_proven_dead(session: Session) -> bool:
    """Nothing that the session started lives on. After a reboot nothing can."""
    if session.boot_id != leftovers.boot_id():
        return True
    if survivors := leftovers.end_marked(session.pk, SHIM_GRACE_S):
        log.error("session.survivors", session=session.pk, count=survivors)
    return not survivors and not leftovers.end_stale_gits(session.pk, after_s=git.TIMEOUT_S)


def _ending(session: Session, known: bool) -> Ending:
    """Lost, unless its worker had come to a verdict that sends the entry on: then only the saying was lost. What passed is still to be
    merged, and what only awaits its verdict to be verified: the next session does that and nothing else."""
    verdict = rounds.load_verdict(session)
    if verdict is not None and not verdict.passed:
        message = "Verification said no, and then its worker was gone"
        return Ending(Session.Outcome.FAILED, message, cost_unknown=not known, verdict=verdict)
    message = "Its worker was gone: its work is kept" + ("" if known else "; what it spent is not fully known")
    is_done = rounds.is_work_done(session)
    return Ending(Session.Outcome.LOST, message, cost_unknown=not known, findings=(message,), verify_next=is_done)


def _keep_work(session: Session) -> None:
    path, repo = session_dir.worktrees() / session.entry_id, Path(session.workspace.repo)
    try:
        if not worktrees.is_worktree(repo, path):
            return
        worktrees.commit(path, f"{session.entry.title}\n\nRecovered from session {session.pk}")
        if session.work == Entry.Work.IMPLEMENT:
            Round.objects.filter(session=session, verdict=Round.Verdict.OPEN).update(commit=worktrees.head(path))
    except GitError as error:  # the next session's worktree recovers it as well
        log.warning("work.not_committed", session=session.pk, error=str(error))


def _forget_dead_workers() -> None:
    here = Worker.objects.filter(host=socket.gethostname())
    dead = [worker.pk for worker in here if not _worker_lives(worker)]
    Worker.objects.filter(Q(pk__in=dead) | Q(seen_at__lt=Now() - FORGET_WORKER)).exclude(
        sessions__status=Session.Status.RUNNING
    ).delete()
