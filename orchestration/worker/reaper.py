"""End sessions of dead workers, never before their processes are proven dead (invariant 9)."""

import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from orchestration import configuration, sessions
from orchestration.dialogue import questions
from orchestration.git import command as git
from orchestration.git.clones import checkouts
from orchestration.git.command import GitError
from orchestration.models import Entry, Proposal, Round, Session, Worker
from orchestration.processes import leftovers
from orchestration.repositories import local_repository
from orchestration.sessions import Ending, Superseded, rounds
from orchestration.sessions.absent_hosts import estimates, settling
from orchestration.sessions.folders import session_dir
from orchestration.worker import endings
from orchestration.worker.agent_run import journals
from orchestration.worker.endings import Left
from orchestration.worker.preparing import sharing
from workspaces.machine import hosts, presence
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

FORGET_WORKER_AFTER = timedelta(days=1)
# A living shim ends its agent itself, and its status proves that the journal is complete.
SHIM_GRACE_S = 3.0
# A supervisor kills within milliseconds of the request; after this time it is considered unresponsive.
KILL_TIMEOUT = timedelta(seconds=3)


def reap(only: Collection[str] | None = None) -> int:
    """Check this host's and other late sessions, or `only` some. Returns the number of ended ones."""
    ended = 0
    for session in suspects():
        if only is None or session.pk in only:
            ended += _try(_end_session, session)
    for session in ended_elsewhere():
        _try(_book_count, session)
    _forget_dead_workers()
    return ended


def _try(action: Callable[[Session], bool], session: Session) -> bool:
    """Isolate an error: it must not block other sessions."""
    try:
        return action(session)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        log.exception("session.not_ended", session=session.pk)
        return False


def suspects() -> list[Session]:
    """This host's sessions with a dead or unresponsive worker, and any host's sessions past their lease and grace."""
    if not _any_running.any():
        return []
    lost = Q(lease_until__lt=Now() - timedelta(seconds=settings.LEASE_GRACE_S))
    here = _here()
    overdue = lost | here & Q(kill_wanted_at__lt=Now() - KILL_TIMEOUT)
    running = Session.of_any_role.filter(overdue | here, status=Session.Status.RUNNING)
    running = running.select_related("worker", "entry__account__project", "entry__workspace", "workspace__executor", "hold")
    late = Session.of_any_role.filter(overdue, status=Session.Status.RUNNING)
    is_lost = dict(late.values_list("pk", ExpressionWrapper(lost, output_field=BooleanField())))
    return [session for session in running if _is_suspect(session, is_lost)]


def _is_suspect(session: Session, is_past_grace: Mapping[str, bool]) -> bool:
    """True for a session to reap. Late ones have their grace in the map."""
    if is_beyond_sight(session.worker):
        return is_past_grace.get(session.pk, False)
    return session.pk in is_past_grace or not is_worker_alive(session.worker)


_any_running = StandingQuery(lambda: Session.of_any_role.filter(status=Session.Status.RUNNING))


def ended_elsewhere() -> list[Session]:
    """This host's sessions ended by others during its absence: only its files have their spend. Not those of a process online under another name, such as in a
    neighbouring container: it reports itself."""
    if not settling.any_silent.any():
        return []
    mine = Q(host_id=hosts.host_id()) | Q(host_id="", host=socket.gethostname())
    neighbours = Worker.objects.filter(host_id=hosts.host_id(), seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S))
    others = neighbours.exclude(host=socket.gethostname()).values("host")
    return list(settling.silent().filter(mine).exclude(host__in=others))


def _book_count(session: Session) -> bool:
    if not _is_proven_dead(session):
        return False  # the next tick tries again
    count = journals.count(session, configuration.of_session(session.workspace.executor.config, session.agent_name))
    return count is not None and settling.book_count(session, count)


def _here() -> Q:
    """The condition for sessions of this host."""
    return Q(host=socket.gethostname(), host_id__in=("", hosts.host_id()))


def is_worker_alive(worker: Worker | None) -> bool:
    """True if the registered process still runs, in any container. A reused pid or a process before a reboot does not count."""
    return _is_seen(worker) or is_beyond_sight(worker)


def is_beyond_sight(worker: Worker | None) -> bool:
    """True for a process in another PID namespace: its children are invisible from here."""
    if worker is None or _is_seen(worker) or worker.boot_id != leftovers.boot_id():
        return False
    return presence.is_at_work(Path(settings.DATA_DIR), pid=worker.pid, started_ticks=worker.started_ticks)


def _is_seen(worker: Worker | None) -> bool:
    return worker is not None and leftovers.is_alive(leftovers.Identity(worker.pid, worker.started_ticks, worker.boot_id))


def _end_session(session: Session) -> bool:
    is_here = session.host == socket.gethostname() and session.host_id in ("", hosts.host_id())
    is_here = is_here and not is_beyond_sight(session.worker)
    if is_here and not _is_proven_dead(session):
        return False  # the next tick tries again
    if not is_here:
        return sessions.conclude(session, _ending_of_absent(session))
    return sessions.conclude(session, _ending_here(session))


def _ending_of_absent(session: Session) -> Ending:
    """The ending of an absent host's session. It may return with the unbooked spend."""
    return endings.after(endings.of_lost(replace(_left(session, is_here=False), away=session.host or session.host_id)))


def _ending_here(session: Session, *, by_database: bool = False) -> Ending:
    """The ending of a session of this host. An incomplete cost lacks one request at most: its report was lost with the process."""
    cost_known = _collect(session)
    pace = None if cost_known else estimates.pace(session)
    left = replace(_left(session, is_here=True), cost_known=cost_known, at_most=pace.request if pace else None)
    return endings.after(endings.of_lost(replace(left, by_database=by_database)))


def end_after_outage(session: Session) -> bool:
    """End a session of this process after a database outage. False: it is not dead, or not ours."""
    return _is_proven_dead(session) and sessions.conclude(session, _ending_here(session, by_database=True))


def _left(session: Session, *, is_here: bool) -> Left:
    """The records of a dead session. A run writes proposals right before its end."""
    if session.is_run:
        return Left(is_run=True, has_proposals=Proposal.objects.filter(run_id=session.pk).exists())
    is_done = rounds.is_work_done(session, is_here=is_here)
    return Left(verdict=rounds.load_verdict(session), question=questions.first_of(session), is_done=is_done)


def _collect(session: Session) -> bool:
    """Book and commit a dead session's remains on this host. Returns True if its whole cost is known."""
    cost_known = journals.book_journals(session, configuration.of_session(session.workspace.executor.config, session.agent_name))
    if not session.is_run:
        _commit_work(session)
    for name in (session.pk, f"{session.pk}-base"):
        checkouts.discard(local_repository.path(session.workspace), session_dir.worktrees() / name)
    return cost_known


def _is_proven_dead(session: Session) -> bool:
    """Kill the session's remaining processes. Returns True if all are dead, as after a reboot."""
    if session.boot_id != leftovers.boot_id():
        return True
    if survivors := leftovers.end_session(session.pk, SHIM_GRACE_S):
        log.error("session.survivors", session=session.pk, count=survivors)
    return not survivors and not leftovers.end_stale_gits(session.pk, after_s=git.TIMEOUT_S)


def _commit_work(session: Session) -> None:
    copy = session_dir.of_session(session)
    try:
        if not copy.exists():
            return
        copy.commit(f"{session.entry.title}\n\nRecovered from session {session.pk}")
        if session.work == Entry.Work.IMPLEMENT:
            Round.of_any_candidate.filter(session=session, verdict=Round.Verdict.OPEN).update(commit=copy.export())
        sharing.publish(session)
    except Superseded:
        log.warning("session.superseded", session=session.pk)
    except GitError as error:  # the next session's worktree recovers the work as well
        log.warning("work.not_committed", session=session.pk, error=str(error))


def _forget_dead_workers() -> None:
    here = Worker.objects.filter(host=socket.gethostname(), host_id__in=("", hosts.host_id()))
    dead = [worker.pk for worker in here if not is_worker_alive(worker)]
    if not dead and not _any_forgotten.any():
        return
    Worker.objects.filter(Q(pk__in=dead) | Q(seen_at__lt=Now() - FORGET_WORKER_AFTER)).exclude(
        sessions__status=Session.Status.RUNNING
    ).delete()


_any_forgotten = StandingQuery(lambda: Worker.objects.filter(seen_at__lt=Now() - FORGET_WORKER_AFTER))
