"""Ending sessions whose worker is gone: never before their processes are proven dead (invariant 9)."""

import socket
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from orchestration import configuration, sessions
from orchestration.models import Session, Worker
from orchestration.runtime import place, reaping, turns, worktree
from orchestration.runtime.git import GitError
from orchestration.sessions import Ending

log = structlog.get_logger(__name__)

FORGET_WORKER = timedelta(days=1)


def reap(only: Collection[str] | None = None) -> int:
    """Look at every running session that this host can judge, or at some; answers how many were ended."""
    ended = 0
    for session in suspects():
        if only is None or session.pk in only:
            ended += _end(session)
    _forget_dead_workers()
    return ended


def suspects() -> list[Session]:
    """Sessions of this host whose worker process is dead, and sessions anywhere whose lease and grace have passed."""
    overdue = Q(lease_until__lt=Now() - timedelta(seconds=settings.LEASE_GRACE_S))
    here = Q(host=socket.gethostname())
    running = Session.objects.filter(overdue | here, status=Session.Status.RUNNING)
    running = running.select_related("worker", "entry__account__project", "workspace__executor", "hold")
    late = set(Session.objects.filter(overdue, status=Session.Status.RUNNING).values_list("pk", flat=True))
    return [session for session in running if session.pk in late or not _worker_lives(session.worker)]


def _worker_lives(worker: Worker | None) -> bool:
    """Is the very process that registered still there? A pid that was given to another one does not count, nor one before a reboot."""
    if worker is None:
        return False
    return reaping.alive(reaping.Identity(worker.pid, worker.started_ticks, worker.boot_id))


def _end(session: Session) -> bool:
    is_here = session.host == socket.gethostname()
    if is_here and session.boot_id == reaping.boot_id():
        survivors = reaping.end_marked(session.pk)
        if survivors:
            log.error("session.survivors", session=session.pk, count=survivors)
            return False  # not proven dead: try again with the next tick
    known = False
    if is_here:
        config = configuration.load(session.workspace.executor.config)
        known = _nothing_ran(session) or turns.book_journal(session, place.of(session.pk), config.agent)
        _keep_work(session)
        worktree.discard(Path(session.workspace.repo), place.worktrees() / session.pk)
    message = "Its worker was gone: its work is kept" + ("" if known else "; what it spent is not fully known")
    return sessions.conclude(session, Ending(Session.Outcome.LOST, message, cost_unknown=not known, findings=(message,)))


def _nothing_ran(session: Session) -> bool:
    """The agent was never started, so it spent nothing."""
    return not place.of(session.pk).journal.exists()


def _keep_work(session: Session) -> None:
    path = place.worktrees() / session.entry_id
    if path.exists():
        try:
            worktree.commit(Path(path), f"{session.entry.title}\n\nRecovered from session {session.pk}")
        except GitError as error:  # the next session's worktree recovers it as well
            log.warning("work.not_committed", session=session.pk, error=str(error))


def _forget_dead_workers() -> None:
    here = Worker.objects.filter(host=socket.gethostname())
    dead = [worker.pk for worker in here if not _worker_lives(worker)]
    Worker.objects.filter(Q(pk__in=dead) | Q(seen_at__lt=Now() - FORGET_WORKER)).exclude(
        sessions__status=Session.Status.RUNNING
    ).delete()
